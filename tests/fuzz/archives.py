"""npz files in hostile hands."""

import io
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np

import tinygrad_xent as tx

from .mutations import any_of, flipped, noise, one_of
from .tables import refused

DESCRIPTIONS = [
    *("'|O'", "'<U3'", "'|S2'", "'<f2'", "'<f8'", "'>f4'", "'|b1'", "'<c8'", "'<M8[D]'", "'|V4'"),
    *("[('a', '<i4')]", "('<f4', (2,))", "'<U0'", "'<f16'", "'x'", "None", "4", "'|u1'", "'<i8'"),
]
SHAPES = [
    *("()", "(0,)", "(3,)", "(-1, 3)", "(3, -2)", "(2**40, 2)", "(1000000000000, 2)", "(True,)"),
    *("(3.0, 2)", "(0, 10000000000000000000000)", "(1,)*70", "[3, 2]", "'x'", "(3, 2, 1, 1)"),
]


def corpus():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), np.array([0, 1, 2, 0, 1, 2])
    pixels = rng.integers(0, 256, (5, 4, 4), dtype=np.uint8)
    yield packed(X=x, y=y)
    yield packed(X=np.asfortranarray(x.astype(np.float32)), y=y.astype(str))
    yield packed(x=x.astype(">f4"), y=y.astype(np.uint8), classes=np.array(["a", "b", "c"]))
    train = {"x_train": pixels, "y_train": np.array([3, 1, 3, 0, 1], np.uint8)}
    yield packed(**train, x_test=pixels[:2], y_test=np.array([[0], [3]]))
    yield packed(np.savez_compressed, **train)
    yield packed(X=x > 0, y=y % 2 == 0, features=np.array(["a", "b", "c"]))
    yield packed(X=np.zeros((2, 3), np.float16), y=np.array([b"u", b"v"]))


def packed(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def attempt(content, folder):
    path = Path(folder, "data.npz")
    path.write_bytes(content)
    found = refused(path, lambda: tx.data.read(path))
    refused(path, lambda: tx.data.read(path, limit=2))
    refused(path, lambda: tx.data.read_rows(path, ["a", "b", "c"]))
    if found is not None:
        judge(path, found)
    return first_checks(content)


def first_checks(content):
    """Whether it is a zip with an array of a name that is looked for."""
    try:
        names = {name.lower() for name in zipfile.ZipFile(io.BytesIO(content)).namelist()}
    except Exception:
        return False
    return bool(names & {"x.npy", "x_train.npy"})


def judge(path, data):
    """The numbers are those that NumPy reads."""
    with zipfile.ZipFile(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there = {name[:-4].lower(): name for name in file.namelist() if name.endswith(".npy")}

        def array(name):
            return np.lib.format.read_array(file.open(there[name]), allow_pickle=False)

        train = "x_train" if "x_train" in there else "x"
        for part, name in ((data, train), (data.test, "x_test")):
            if part is None:
                continue
            x, y = array(name), array(name.replace("x", "y", 1)).reshape(-1)
            flat = x.reshape(len(x), -1)
            wanted = flat if flat.dtype == np.uint8 else flat.astype(np.float32)
            assert part.x.dtype == wanted.dtype
            assert np.array_equal(part.x, wanted)
            if "classes" in there:
                assert np.array_equal(part.y, y)
            elif y.dtype.kind == "S":
                assert [part.classes[k].encode() for k in part.y] == y.tolist()
            elif y.dtype.kind in "iu":
                assert [int(part.classes[k]) for k in part.y] == y.tolist()


# ---- mutations --------------------------------------------------------------------------------


def mutate(rng, content):
    kind = rng.random()
    if kind < 0.06:
        return noise(rng, content)
    if kind < 0.3:
        return any_of(rng, content)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = [(name, file.read(name)) for name in file.namelist()]
    for _ in range(int(rng.integers(1, 3))):
        k = int(rng.integers(len(members)))
        change = one_of(rng, [header_changed, header_changed, any_of, flipped, body_changed])
        members[k] = (members[k][0], change(rng, members[k][1]))
    if rng.random() < 0.15:
        members = members_changed(rng, members)
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, body in members:
            how = one_of(rng, [zipfile.ZIP_STORED] * 4 + [zipfile.ZIP_DEFLATED] * 4 + [12])
            archive.writestr(name, body, compress_type=how)
    content = file.getvalue()
    return directory_changed(rng, content) if rng.random() < 0.15 else content


def header_changed(rng, body):
    """Another dtype, order or shape; the header's length put right, most of the time."""
    if len(body) < 12 or body[:6] != b"\x93NUMPY":
        return any_of(rng, body)
    length = struct.unpack("<H", body[8:10])[0]
    text, rest = body[10 : 10 + length].decode("latin1"), body[10 + length :]
    kind = int(rng.integers(6))
    start, end = text.find("'descr':"), text.find(", 'fortran_order'")
    if kind == 0 and 0 <= start < end:
        text = text[:start] + "'descr': " + one_of(rng, DESCRIPTIONS) + text[end:]
    elif kind == 1 and "'shape': (" in text:
        start = text.index("'shape': ") + 9
        text = text[:start] + one_of(rng, SHAPES) + ", }"
    elif kind == 2:
        text = text.replace("False", one_of(rng, ["True", "1", "None", "'no'"]))
    elif kind == 3:
        text = one_of(rng, ["{}", "(" * 3000, "{'descr': '<f4'}", "__import__('os')", "\\d" + text])
    elif kind == 4:
        text = any_of(rng, text.encode("latin1")).decode("latin1")
    else:
        text = text + " " * int(rng.integers(0, 12_000))
    coded = text.encode("latin1") + b"\n"
    if rng.random() < 0.1:
        return (
            body[:6] + b"\2\0" + struct.pack("<I", one_of(rng, [len(coded), 2**31])) + coded + rest
        )
    return body[:8] + struct.pack("<H", len(coded) & 0xFFFF) + coded + rest


def body_changed(rng, body):
    """Numbers that are none, and numbers of other sizes."""
    pattern = one_of(rng, [b"\xff" * 8, b"\0\0\xc0\x7f", b"\0\0\0\0\0\0\xf0\x7f", b"\0" * 8])
    at = int(rng.integers(min(128, len(body)), len(body) + 1)) & ~3
    return body[:at] + pattern + body[at + len(pattern) :]


def members_changed(rng, members):
    kind, k = int(rng.integers(4)), int(rng.integers(len(members)))
    if kind == 0:
        return members[:k] + members[k + 1 :]
    if kind == 1:
        return [*members, members[k]]
    name = one_of(
        rng, ["../../x.npy", "/X.npy", "y.npy", "X.npy", "x_test.npy", "classes.npy", "X.npy\0.npy"]
    )
    return [*members[:k], (name, members[k][1]), *members[k + 1 :]]


def directory_changed(rng, content):
    """A size, an offset or a flag of the zip's directory that is not so."""
    at = content.rfind(b"PK\1\2")
    if at < 0:
        return content
    field, code = one_of(
        rng, [(8, "<H"), (10, "<H"), (16, "<I"), (20, "<I"), (24, "<I"), (42, "<I")]
    )
    number = one_of(rng, [0, 1, 8, 100, 2**15, 2**16 - 1, 2**31, 2**32 - 1, 2**30])
    number &= 2 ** (8 * struct.calcsize(code)) - 1
    start = at + field
    return content[:start] + struct.pack(code, number) + content[start + struct.calcsize(code) :]
