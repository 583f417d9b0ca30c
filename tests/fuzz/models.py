"""Model files in hostile hands: whatever the bytes, the model that they hold or a `ModelError`.

``python -m tests.fuzz models --examples 100000`` tries that many; ``--seed`` another series.
"""

import json
import struct
import tempfile
from pathlib import Path

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent import nn

# fmt: off
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}
# fmt: on
CODES = [*DTYPES, "BF16", "C64", "F8_E4M3", "F8_E5M2", "F4", "f32", "", "F128"]


# --- valid files ------------------------------------------------------------------------------


class Own(nn.Module):
    def __init__(self):
        self.factor = tx.Tensor(2.5, requires_grad=True)
        self.empty = tx.Tensor(np.zeros((0, 3)), requires_grad=True)
        self.layer = nn.Linear(4, 3, rng=0)


def models():
    yield nn.MLP([4, 3], rng=0)
    yield nn.MLP([4, 5, 3], "tanh", rng=0)
    yield nn.MLP([4, 4, 4], rng=0, dtype=np.float64)
    yield nn.MLP([4, 2, 3], "sigmoid", rng=0, dtype=np.float16)
    yield nn.Linear(4, 3, bias=False, rng=0)
    yield nn.Sequential(nn.Sequential(nn.Linear(4, 3, rng=0), nn.Tanh()), nn.MLP([3, 3], rng=1))
    yield nn.Sequential(nn.ReLU(), nn.Dropout(0.25))
    yield nn.MLP([4, 5, 3], dropout=0.5, rng=0)
    yield Own()


def corpus():
    """Files as `save` writes them."""
    about = {"classes": ["a", "ü", "<b>"], "input_mean": [0.5, 1e-30, 2, 3], "label": None}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        for k, model in enumerate(models()):
            tx.save(model, path, metadata=about if k % 2 else None)
            yield path.read_bytes()


# --- what must hold ---------------------------------------------------------------------------


def parsed(content):
    """Metadata and arrays, by hand."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    about, body = header.pop("__metadata__", None) or {}, content[8 + length :]
    arrays = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(body[start:end], DTYPES[entry["dtype"]]).reshape(
            entry["shape"]
        )
    return about, arrays


def judge(model, arrays):
    """The model has the numbers of the file, all of them and no others."""
    found = model.state_dict()
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        matrix = name.endswith("weight") and array.ndim == 2
        wanted = (array.T if matrix else array).astype(found[name].dtype)
        assert np.isfinite(found[name]).all()
        assert found[name].shape == wanted.shape
        assert np.array_equal(found[name], wanted)


def refused(read, path):
    """What the reader gives, or None if it refuses the file as it should."""
    try:
        return read(path)
    except tx.ModelError as error:
        said = str(error)
    assert said.startswith(f"{path}: "), said
    assert len(said) < 3000, "nobody reads so much"
    return None


def attempt(content, folder):
    """Read the bytes in every way; whether they got past the library's checks of the header.

    Raises whatever comes that is no `ModelError`, and AssertionError for a wrong model.
    """
    path = Path(folder, "model.safetensors")
    path.write_bytes(content)
    about = refused(tx.read_metadata, path)
    model = refused(tx.load_model, path)
    known = nn.MLP([4, 3], rng=5)
    before = known.state_dict()
    loaded = refused(lambda path: tx.load(known, path) or True, path)
    if about is None:
        assert model is None
        assert loaded is None
        return False
    if model is not None:
        judge(model, parsed(content)[1])
        assert repr(model).startswith(about["architecture"]["class"])
    if loaded:
        judge(known, parsed(content)[1])
    else:
        assert all(np.array_equal(known.state_dict()[name], x) for name, x in before.items())
    return True


# --- mutations --------------------------------------------------------------------------------


def one_of(rng, things):
    return things[int(rng.integers(len(things)))]


def number(rng):
    """A number that somebody might have put there to do harm."""
    special = [0, -1, 1, 2, 3, 4, 7, 2**31, 2**32, 2**62, 2**63, 2**64, 10**15, 10**400, 2.5, 1e308]
    return one_of(rng, [*special, int(rng.integers(-10, 300)), None, True, "4", [4], {}])


def flipped(rng, content, start=0):
    """A few bits the other way, from `start` on."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        if len(changed) > start:
            changed[int(rng.integers(start, len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def in_the_numbers(rng, content):
    """Bits of the arrays, or a number that is none."""
    start = 8 + struct.unpack("<Q", content[:8])[0]
    if rng.random() < 0.5 or len(content) <= start + 8:
        return flipped(rng, content, start)
    at = int(rng.integers(start, len(content) - 8)) & ~1
    pattern = one_of(
        rng, [b"\xff" * 8, b"\0\0\x80\x7f", b"\0\0\xf0\x7f", b"\0\x7c", b"\0\0\x80\xff"]
    )
    return content[:at] + pattern + content[at + len(pattern) :]


def cut(rng, content):
    return content[: int(rng.integers(len(content) + 1))]


def longer(rng, content):
    return content + rng.bytes(int(rng.integers(1, 50)))


def other_length(rng, content):
    """Another length of the header."""
    (length,) = struct.unpack("<Q", content[:8])
    wrong = one_of(rng, [0, 1, length - 1, length + 1, len(content), 10**8, 2**62, 2**64 - 1])
    return struct.pack("<Q", wrong) + content[8:]


def with_header(content, change):
    """The file with its header changed as JSON, its length put right."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    text = change(header)
    text = json.dumps(header if text is None else text) if not isinstance(text, str) else text
    encoded = text.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(encoded)) + encoded + content[8 + length :]


def entry_changed(rng, content):
    """Dtype, shape, offsets or name of one array."""

    def change(header):
        names = [name for name in header if name != "__metadata__"]
        if not names:
            return
        name = one_of(rng, names)
        entry, kind = header[name], int(rng.integers(7))
        if kind == 0:
            entry["dtype"] = one_of(rng, CODES)
        elif kind == 1:  # of the same size: past the first checks
            same = [["F16", "BF16", "I16", "U16"], ["F32", "I32", "U32"], ["F64", "I64", "C64"]]
            entry["dtype"] = one_of(rng, next((s for s in same if entry["dtype"] in s), CODES))
        elif kind == 2:
            shape = entry["shape"]
            entry["shape"] = one_of(
                rng, [shape[::-1], [1, *shape], [*shape, 1], [int(np.prod(shape))], [0, 2**62], []]
            )
        elif kind == 3 and entry["shape"]:
            entry["shape"][int(rng.integers(len(entry["shape"])))] = number(rng)
        elif kind == 4:
            entry["data_offsets"][int(rng.integers(2))] = number(rng)
        elif kind == 5:
            other = one_of(rng, [*names, "", "0.weight\0", "x" * 5000, "../../x", "<b>", "\u202e"])
            header[other] = header.pop(name)
        else:
            other = one_of(rng, names)
            header[name], header[other] = header[other], header[name]

    return with_header(content, change)


def entries_changed(rng, content):
    """An array too many, too few, or twice."""

    def change(header):
        names = list(header)
        if not names:
            return None
        name, kind = one_of(rng, names), int(rng.integers(4))
        if kind == 0:
            del header[name]
        elif kind == 1:
            header["extra"] = {"dtype": "F32", "shape": [0, 2**40], "data_offsets": [0, 0]}
        elif kind == 2:
            inside = json.dumps(header)[1:-1]
            return "{" + f"{json.dumps(name)}: {json.dumps(header[name])}, {inside}" + "}"
        else:
            header[name] = number(rng)
        return None

    return with_header(content, change)


def anywhere(rng, tree, depth=0):
    """A JSON tree with one of its leaves, keys or branches another."""
    if isinstance(tree, dict) and tree and rng.random() < 0.8:
        key = one_of(rng, list(tree))
        kind = rng.random()
        if kind < 0.1:
            return {k: v for k, v in tree.items() if k != key}
        if kind < 0.2:
            return {**tree, one_of(rng, ["class", "sizes", "bias", "rng", "initialise", "x"]): 1}
        return {**tree, key: anywhere(rng, tree[key], depth + 1)}
    if isinstance(tree, list) and tree and rng.random() < 0.8:
        k = int(rng.integers(len(tree)))
        kind = rng.random()
        if kind < 0.2:
            return tree[:k] + tree[k + 1 :]
        if kind < 0.4:
            return tree[: k + 1] * int(rng.integers(2, 40)) + tree[k:]
        return [*tree[:k], anywhere(rng, tree[k], depth + 1), *tree[k + 1 :]]
    if isinstance(tree, str) and rng.random() < 0.7:
        classes = ["MLP", "Linear", "ReLU", "Sequential", "Module", "Tanh", "Dropout", "os.system"]
        return one_of(rng, [*classes, "relu", "tanh", "sigmoid", "gelu", "", tree * 2, tree[:-1]])
    return number(rng)


def architecture_changed(rng, content):
    """Another description of the model, the rest as it was."""

    def change(header):
        about = header.setdefault("__metadata__", {})
        tree = json.loads(about.get("architecture", '{"class": "MLP", "sizes": [4, 3]}'))
        for _ in range(int(rng.integers(1, 4))):
            tree = anywhere(rng, tree)
        text = json.dumps(tree)
        kind = rng.random()
        if kind < 0.05:
            text = '{"class": "Sequential", "layers": [' * int(rng.integers(1, 3000)) + text
        elif kind < 0.1:
            text = text[: int(rng.integers(len(text)))]
        about["architecture"] = text
        about["tinygrad_xent_version"] = json.dumps(one_of(rng, ["0.1.0", "99.0.0", "x", 3]))

    return with_header(content, change)


def about_changed(rng, content):
    """Other metadata."""

    def change(header):
        about = header.setdefault("__metadata__", {})
        if not isinstance(about, dict):
            return
        value = one_of(rng, ["[" * 100_000, "1" * 5000, "nan", "\ud800", "\0", 3, None, {}, "{}"])
        about[one_of(rng, [*about, "classes", "format", "architecture", ""])] = value

    return with_header(content, change)


def noise(rng, content):
    """Nothing that anybody wrote."""
    body = rng.bytes(int(rng.integers(0, 400)))
    return body if rng.random() < 0.5 else struct.pack("<Q", len(body)) + b"{" + body


MUTATIONS = [
    *([in_the_numbers] * 5 + [architecture_changed] * 6 + [entry_changed] * 4),
    *(entries_changed, about_changed, flipped, cut, longer, other_length, noise),
]


def mutate(rng, content):
    """Hostile bytes made of valid ones."""
    content = one_of(rng, MUTATIONS)(rng, content)
    return content if rng.random() < 0.9 else flipped(rng, content)
