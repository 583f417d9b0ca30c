"""IDX folders in hostile hands. A case is four files in one: each behind its length."""

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np

import tinygrad_xent as tx

from .mutations import any_of, flipped, noise, one_of

NAMES = [
    *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
]
CODES = {"|u1": 8, "|i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def idx(array):
    dtype = array.dtype.newbyteorder(">").str
    start = bytes([0, 0, CODES[dtype], array.ndim])
    return start + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(dtype).tobytes()


def joined(files):
    return b"".join(struct.pack("<I", len(file)) + file for file in files)


def parted(content):
    files, at = [], 0
    while at + 4 <= len(content) and len(files) < 4:
        (length,) = struct.unpack("<I", content[at : at + 4])
        files.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    return files


def corpus():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    labels = np.array([7, 1, 7, 0, 1], np.uint8)
    yield joined([idx(images), idx(labels)])
    yield joined([idx(images), idx(labels), idx(images[:2]), idx(labels[:2])])
    yield joined([gzip.compress(idx(a), mtime=0) for a in (images, labels)])
    yield joined([idx(images.astype(np.float32)), idx(labels.astype(np.int32))])
    yield joined([idx(images.reshape(5, 12).astype(np.int16)), idx(labels.astype(np.int8))])
    yield joined([idx(rng.normal(size=(5, 2, 2, 3))), gzip.compress(idx(labels), mtime=0)])


def attempt(content, folder):
    place = Path(folder, "set")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    files = parted(content)
    for name, body in zip(NAMES, files, strict=False):
        (place / (name + ".gz" * (body[:2] == b"\x1f\x8b"))).write_bytes(body)
    found = refused(place, lambda: tx.data.read(place))
    refused(place, lambda: tx.data.read(place, limit=2))
    refused(place, lambda: tx.data.read_rows(place, [f"pixel_{k}" for k in range(12)]))
    if found is not None:
        judge(files, found)
    return bool(files) and unpacked(files[0])[:2] == b"\0\0" and unpacked(files[0])[2:3] != b""


def refused(place, read):
    try:
        return read()
    except tx.DataError as error:
        said = str(error)
    assert said.startswith(str(place)), said
    assert len(said) < 2000
    return None


def unpacked(file):
    try:
        return gzip.decompress(file) if file[:2] == b"\x1f\x8b" else file
    except (OSError, EOFError, gzip.zlib.error):
        return b""


def array(file):
    """The numbers by NumPy alone."""
    file = unpacked(file)
    dtype = next(name for name, code in CODES.items() if code == file[2])
    shape = struct.unpack(f">{file[3]}I", file[4 : 4 + 4 * file[3]])
    return np.frombuffer(file[4 + 4 * file[3] :], dtype).reshape(shape)


def judge(files, data):
    for part, images, labels in zip((data, data.test), files[::2], files[1::2], strict=False):
        x, y = array(images), array(labels)
        flat = x.reshape(len(x), -1)
        wanted = flat if flat.dtype == np.uint8 else flat.astype(np.float32)
        assert part.x.dtype == wanted.dtype
        assert np.array_equal(part.x, wanted)
        assert [float(part.classes[k]) for k in part.y] == y.reshape(-1).tolist()


# ---- mutations --------------------------------------------------------------------------------


def mutate(rng, content):
    kind = rng.random()
    if kind < 0.06:
        return joined([noise(rng, b""), noise(rng, b"")])
    files = parted(content)
    for _ in range(int(rng.integers(1, 3))):
        k = int(rng.integers(len(files)))
        packed = files[k][:2] == b"\x1f\x8b"
        if packed and rng.random() < 0.7:
            plain = unpacked(files[k])
            files[k] = gzip.compress(changed(rng, plain), mtime=0)
        else:
            files[k] = changed(rng, files[k])
    if rng.random() < 0.1:
        files[0], files[1] = files[1], files[0]
    if rng.random() < 0.05:
        files.pop()
    if rng.random() < 0.05:
        files[0] = gzip.compress(files[0], mtime=0)
    return joined(files)


def changed(rng, file):
    return one_of(rng, [header_changed, header_changed, any_of, flipped, in_the_numbers])(rng, file)


def header_changed(rng, file):
    """Another type, number of axes or size."""
    if len(file) < 8:
        return any_of(rng, file)
    kind = int(rng.integers(4))
    if kind == 0:
        return file[:2] + bytes([one_of(rng, [0, 8, 9, 10, 11, 12, 13, 14, 255])]) + file[3:]
    if kind == 1:
        return file[:3] + bytes([one_of(rng, [0, 1, 2, 3, 4, 5, 255])]) + file[4:]
    at = 4 + 4 * int(rng.integers(max(1, min(4, file[3]))))
    size = one_of(rng, [0, 1, 2, 3, 4, 5, 6, 12, 60, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
    return file[:at] + struct.pack(">I", size) + file[at + 4 :]


def in_the_numbers(rng, file):
    """Bits, or a number that is none."""
    pattern = one_of(rng, [b"\x7f\xc0\0\0", b"\x7f\xf0" + b"\0" * 6, b"\xff\xff", b"\x7f\x80\0\0"])
    at = int(rng.integers(min(16, len(file)), len(file) + 1)) & ~3
    return (file[:at] + pattern + file[at + len(pattern) :])[: max(len(file), 1)]
