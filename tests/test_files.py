"""Model files: what is in them, read without the library, and what happens to the damaged ones."""

import errno
import json
import os
import re
import stat
import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import nn
from tinygrad_xent.files.arrays import write_arrays

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
DTYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I64": np.int64}

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links as POSIX has them")


def parsed(path):
    """Metadata and arrays of a safetensors file, by hand: a length, a JSON header, the bytes."""
    content = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        flat = np.frombuffer(content[8 + length + start : 8 + length + end], DTYPES[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    return metadata, arrays


def forged(path, arrays, metadata=None):
    """Write such a file by hand, as an attacker or another program would."""
    codes = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
    header, body = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, array in arrays.items():
        offsets = [len(body), len(body) + array.nbytes]
        header[name] = {
            "dtype": codes[array.dtype],
            "shape": list(array.shape),
            "data_offsets": offsets,
        }
        body += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(path):
    tx.save(nn.MLP([4, 3, 2], rng=0), path)
    return path


class Scale(nn.Module):
    """A module of one's own, with a number as a parameter."""

    def __init__(self, factor):
        self.factor = tx.Tensor(factor, requires_grad=True)
        self.layer = nn.Linear(4, 2, rng=0)

    def forward(self, x):
        return self.layer(x) * self.factor


# --- round trips ------------------------------------------------------------------------------


def models():
    for activation in ("relu", "tanh", "sigmoid"):
        yield nn.MLP([4, 5, 3], activation, rng=0)
    yield nn.MLP([4, 3], rng=0)
    yield nn.MLP([4, 4, 4, 4], rng=0)  # square matrices, all of one shape: none may be exchanged
    yield nn.Linear(4, 2, rng=0)
    yield nn.Sequential(nn.Linear(4, 3, bias=False, rng=0), nn.Tanh(), nn.Linear(3, 2, rng=1))
    yield nn.Sequential(
        nn.Sequential(nn.Linear(4, 3, rng=0), nn.Sigmoid()), nn.MLP([3, 3, 2], rng=1), nn.ReLU()
    )
    yield nn.MLP([4, 5, 3], rng=0, dtype=np.float64)
    yield nn.MLP([4, 5, 3], rng=0, dtype=np.float16)
    yield nn.Sequential(nn.ReLU())
    yield nn.Sequential()
    yield nn.MLP([4, 5, 5, 3], dropout=0.25, rng=0)
    yield nn.Sequential(nn.Dropout(0.1), nn.Linear(4, 3, rng=0), nn.Dropout(0.9))


@pytest.mark.parametrize("model", list(models()))
def test_load_model_gives_the_model_back(model, path):
    tx.save(model, path)
    again = tx.load_model(path)
    assert type(again) is type(model)
    assert repr(again) == repr(model)
    state, wanted = again.state_dict(), model.state_dict()
    assert list(state) == list(wanted)
    for name, array in state.items():
        assert array.dtype == wanted[name].dtype
        np.testing.assert_array_equal(array, wanted[name])
    assert all(p.requires_grad for p in again.parameters())
    x = tx.Tensor(X)
    assert not any(module.training for _, module in again.named_modules())
    np.testing.assert_array_equal(again(x).numpy(), model.eval()(x).numpy())


@pytest.mark.parametrize(("factor", "start"), [(2.5, 0.0), ([1.0, 2.0], [0.0, 0.0])])
def test_own_modules_are_loaded_but_not_rebuilt(factor, start, path):
    model, other = Scale(factor), Scale(start)
    tx.save(model, path, metadata={"note": "mine"})
    tx.load(other, path)
    assert other.factor.shape == model.factor.shape
    np.testing.assert_array_equal(other(X).numpy(), model(X).numpy())
    assert tx.read_metadata(path) == {"note": "mine", "tinygrad_xent_version": tx.__version__}
    with pytest.raises(tx.ModelError, match="does not hold an architecture; build the model and"):
        tx.load_model(path)


def exchanged_layer():
    model = nn.MLP([4, 3, 2], rng=0)
    setattr(model, "2", nn.Linear(3, 7, rng=0))  # a new head, as in fine-tuning
    return model


def exchanged_activation():
    model = nn.MLP([4, 3, 2], rng=0)
    setattr(model, "1", nn.Tanh())
    return model


def added_tensor():
    model = nn.Sequential(nn.Linear(4, 3, rng=0))
    model.mean = tx.Tensor([1.0])
    return model


def other_dropout():
    model = nn.MLP([4, 3, 2], dropout=0.1, rng=0)
    model[2].p = 0.5
    return model.eval()


def shared_layer():
    layer = nn.Linear(4, 4, rng=0)
    return nn.Sequential(layer, nn.ReLU(), layer)


def exchanged_forward():
    model = nn.MLP([4, 3], rng=0)
    model[0].forward = lambda x: x @ model[0].weight
    return model


@pytest.mark.parametrize(
    "make",
    [
        *(exchanged_layer, exchanged_activation, exchanged_forward, added_tensor),
        *(other_dropout, shared_layer),
    ],
)
def test_a_model_that_its_architecture_would_not_give_back_is_saved_without(make, path):
    model, other = make(), make()
    for p in model.parameters():
        p.data += 1
    tx.save(model, path)
    with pytest.raises(tx.ModelError, match="does not hold an architecture"):
        tx.load_model(path)
    tx.load(other, path)
    np.testing.assert_array_equal(other(X).numpy(), model(X).numpy())


def test_load_keeps_the_dtype_of_the_model(saved):
    model = nn.MLP([4, 3, 2], dtype=np.float64)
    tx.load(model, saved)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("name", ["plain", "Gewichte für Übung 3.safetensors", "模型.safetensors"])
@pytest.mark.parametrize("kind", [str, Path])
def test_any_name_as_text_or_path(name, kind, tmp_path):
    path = kind(tmp_path / name)
    model = nn.MLP([4, 2], rng=0)
    tx.save(model, path)
    np.testing.assert_array_equal(tx.load_model(path)(X).numpy(), model(X).numpy())
    assert os.listdir(tmp_path) == [name]


# --- what is in the file ----------------------------------------------------------------------


def test_names_and_layout_are_pytorchs(path):
    model = nn.MLP([4, 5, 3], rng=0)
    tx.save(model, path)
    metadata, arrays = parsed(path)
    assert {name: a.shape for name, a in arrays.items()} == {
        "0.weight": (5, 4),
        "0.bias": (5,),
        "2.weight": (3, 5),
        "2.bias": (3,),
    }
    for name, array in model.state_dict().items():
        assert arrays[name].dtype == np.float32
        np.testing.assert_array_equal(arrays[name].T, array)
    assert metadata["format"] == "pt"  # PyTorch's loaders ask for it
    assert json.loads(metadata["architecture"]) == {
        "class": "MLP",
        "sizes": [4, 5, 3],
        "activation": "relu",
    }


def test_a_number_stays_a_number(path):
    tx.save(Scale(2.5), path)
    assert parsed(path)[1]["factor"].shape == ()


def test_files_of_others_can_be_loaded(path):
    w, b = np.arange(8, dtype=np.float32).reshape(2, 4), np.ones(2, np.float32)
    forged(path, {"0.weight": w, "0.bias": b}, {"format": "pt", "author": "somebody else"})
    model = nn.MLP([4, 2])
    tx.load(model, path)
    np.testing.assert_allclose(model(X).numpy(), X @ w.T + b, rtol=1e-6)
    assert tx.read_metadata(path) == {"author": "somebody else"}
    forged(path, {"0.weight": w, "0.bias": b})  # no metadata at all
    tx.load(model, path)
    assert tx.read_metadata(path) == {}


def test_metadata_come_back(path):
    metadata = {
        "classes": ["a", "ü", "3"],
        "scale": {"mean": [0.1, 1e-30], "none": None},
        "text": 'with "quotes"\nand lines',
        "number": "5",
        "": 0,
    }
    tx.save(nn.Linear(2, 2), path, metadata=metadata)
    found = tx.read_metadata(path)
    assert found.pop("architecture")["class"] == "Linear"
    assert found.pop("tinygrad_xent_version") == tx.__version__
    assert found == metadata


@pytest.mark.parametrize(
    ("metadata", "error", "message"),
    [
        ({"w": np.ones(2)}, TypeError, "save: JSON cannot hold metadata['w']: "),
        ({"architecture": 1}, ValueError, "save: metadata key 'architecture'; wanted a text other"),
        ({"format": 1}, ValueError, "save: metadata key 'format'"),
        ({"tinygrad_xent_version": 1}, ValueError, "save: metadata key 'tinygrad_xent_version'"),
        ({"w": "x" * 2**24}, ValueError, "save: the metadata take more than the 16,777,216 bytes"),
        ({3: 1}, ValueError, "save: metadata key 3"),
    ],
)
def test_metadata_that_cannot_be_kept_are_named(metadata, error, message, saved):
    before = saved.read_bytes()
    with pytest.raises(error, match=re.escape(message)):
        tx.save(nn.Linear(2, 2), saved, metadata=metadata)
    assert saved.read_bytes() == before


# --- files that cannot be used ----------------------------------------------------------------

READERS = [
    tx.load_model,
    tx.read_metadata,
    lambda path: tx.load(nn.MLP([4, 3, 2]), path),
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["nothing.safetensors", "no folder/nothing", "."])
def test_a_missing_file_is_not_found(read, name, tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / name))):
        read(tmp_path / name)


def damages():
    yield "empty", lambda content: b""
    for n in (1, 7, 8, 9, 60, 200, -60, -1):
        yield f"cut at {n}", lambda content, n=n: content[:n]
    yield "garbage", lambda content: np.random.default_rng(0).bytes(len(content))
    yield "another format", lambda content: b"PK\x03\x04" + content
    yield "header too long", lambda content: struct.pack("<Q", 2**62) + content[8:]
    yield "header not JSON", lambda content: content[:8] + b"!" + content[9:]
    yield "bytes left over", lambda content: content + b"\0"
    yield "text", lambda content: b"0.weight = 3\n"


@pytest.mark.parametrize("damage", [pytest.param(damage, id=name) for name, damage in damages()])
def test_a_damaged_file_is_named_and_nothing_is_loaded(damage, saved):
    saved.write_bytes(damage(saved.read_bytes()))
    model = nn.MLP([4, 3, 2], rng=5)
    before = model.state_dict()
    for read in (*READERS, lambda path: tx.load(model, path)):
        with pytest.raises(tx.ModelError, match=re.escape(str(saved)) + ": damaged, or not"):
            read(saved)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.MLP([4, 5, 2], rng=1), "'0.weight' has shape (4, 3), wanted (4, 5)"),
        (nn.MLP([4, 3, 2, 2], rng=1), "missing '4.weight'"),
        (nn.MLP([4, 3], rng=1), "unexpected '2.weight'"),
        (Scale(1.0), "missing 'factor'"),
    ],
)
def test_the_file_of_another_model_is_refused_whole(model, message, saved):
    before = model.state_dict()
    with pytest.raises(tx.ModelError, match=re.escape(message)) as caught:
        tx.load(model, saved)
    assert f"{saved}: not a file of this model" in str(caught.value)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


ARRAYS = {"0.weight": np.ones((2, 4), np.float32), "0.bias": np.ones(2, np.float32)}


@pytest.mark.parametrize(
    "architecture",
    [
        '{"class": "MLP", "sizes": [4, 2], "activation": "relu"',  # not JSON
        '{"class": "os.system", "command": "true"}',
        '{"class": "Module"}',
        '{"class": ["MLP"]}',
        '{"sizes": [4, 2]}',
        '{"class": "MLP"}',
        '{"class": "MLP", "sizes": [4, 2], "activation": "exec"}',
        '{"class": "MLP", "sizes": [4, 2], "hidden": 3}',
        '{"class": "MLP", "sizes": [4, 2.5]}',
        '{"class": "MLP", "sizes": [4, -2]}',
        '{"class": "MLP", "sizes": [4, 1e400]}',
        '{"class": "MLP", "sizes": "42"}',
        '{"class": "MLP", "sizes": [4, 3]}',
        '{"class": "MLP", "sizes": [4, 2, 4, 2, 4, 2]}',
        '{"class": "MLP", "sizes": [3000, 3000]}',
        '{"class": "MLP", "sizes": [1000000000000000, 1000000000000000]}',
        '{"class": "Linear", "in_features": 4, "out_features": 4000000}',
        '{"class": "Linear", "in_features": 4, "out_features": 2}',  # right shapes, wrong names
        '{"class": "Sequential", "layers": [{"class": "ReLU"}]}',
        '{"class": "Sequential", "layers": 3}',
        '{"class": "Sequential", "layers": ["ReLU"]}',
        '{"class": "Sequential", "layers": {"class": "ReLU"}}',
        '{"class": "Sequential"}',
        '{"class": "ReLU", "x": 1}',
        '{"class": "Dropout", "p": 1' + "0" * 400 + "}",
        '{"class": "Dropout", "p": NaN}',
        '{"class": "MLP", "sizes": [4, 2], "dropout": -1}',
        '{"class": "Sequential", "layers": [' * 100_000,
        '{"class": "Sequential", "layers": [' * 500 + '{"class": "ReLU"}' + "]}" * 500,
        "[]",
        "3",
        "null",
        '"MLP"',
        "",
    ],
    ids=lambda text: text[:60],
)
def test_a_forged_architecture_is_refused_before_it_takes_memory(architecture, path):
    forged(path, ARRAYS, {"architecture": architecture})
    tracemalloc.start()
    try:
        with pytest.raises(tx.ModelError, match=re.escape(str(path))):
            tx.load_model(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_an_array_in_the_file_is_no_licence_for_a_thousand(path):
    layer = {"class": "Linear", "in_features": 300, "out_features": 300, "bias": False}
    architecture = {"class": "Sequential", "layers": [layer] * 1000}
    arrays = {"0.weight": np.ones((300, 300), np.float32)}
    forged(path, arrays, {"architecture": json.dumps(architecture)})
    tracemalloc.start()
    try:
        with pytest.raises(tx.ModelError):
            tx.load_model(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ({"class": "Module"}, "ValueError: unknown class 'Module'"),
        ({"class": "MLP", "sizes": [4, 9]}, "(in, out) = (4, 9), which is not in the file"),
        ({"class": "MLP", "sizes": [4, 2], "hidden": 3}, "unexpected keyword argument 'hidden'"),
        ({"sizes": [4, 2]}, "KeyError: 'class'"),
    ],
)
def test_what_is_wrong_with_an_architecture_is_said(architecture, message, path):
    forged(path, ARRAYS, {"architecture": json.dumps(architecture)})
    with pytest.raises(tx.ModelError, match=re.escape(message)) as caught:
        tx.load_model(path)
    assert f"{path}: the architecture in it cannot be built: " in str(caught.value)


@pytest.mark.parametrize("depth", range(50, 1000, 50))
def test_no_depth_of_nesting_ends_in_anything_but_a_model_error(depth, path):
    text = '{"class": "Sequential", "layers": [' * depth + "]}" * depth
    forged(path, ARRAYS, {"architecture": text})
    with pytest.raises(tx.ModelError, match=re.escape(str(path))):
        tx.load_model(path)


@pytest.mark.parametrize(
    ("number", "dtype"),
    [(70_000, np.float16), (2**31, np.int32), (-(2**31) - 1, np.int32), (-(2**63), np.int32)],
)
def test_a_whole_number_too_large_for_the_model_is_refused(number, dtype, path):
    model = nn.Module()
    model.count = tx.Tensor(np.array([7], dtype))
    forged(path, {"count": np.array([number])})
    says = f"'count' holds {number}, too large for {np.dtype(dtype)}"
    with pytest.raises(tx.ModelError, match=says):
        tx.load(model, path)
    assert model.count.tolist() == [7]
    forged(path, {"count": np.array([-3])})
    tx.load(model, path)
    assert model.count.tolist() == [-3]


def test_arrays_that_are_no_weights_are_refused(path):
    architecture = json.dumps({"class": "MLP", "sizes": [4, 2]})
    arrays = {name: array.astype(np.int64) for name, array in ARRAYS.items()}
    forged(path, arrays, {"architecture": architecture})
    with pytest.raises(tx.ModelError, match=r"'0\.weight' has dtype int64; wanted a floating one"):
        tx.load_model(path)
    arrays = ARRAYS | {"extra": np.ones(3, np.float32)}
    forged(path, arrays, {"architecture": architecture})
    with pytest.raises(tx.ModelError, match="unexpected 'extra'"):
        tx.load_model(path)
    forged(path, ARRAYS, {"architecture": architecture})  # and these are
    assert tx.load_model(path)(np.ones((1, 4), np.float32)).numpy().tolist() == [[5, 5]]


# --- writing ----------------------------------------------------------------------------------


def fail_while_writing(self, content):
    with open(self, "wb") as file:
        file.write(content[: len(content) // 2])
    raise OSError("no space left")


def fail_on_replace(self, target):
    raise PermissionError("in use")


def interrupt(self, content):
    raise KeyboardInterrupt


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    ("method", "failing", "error"),
    [
        ("write_bytes", fail_while_writing, OSError),
        ("write_bytes", interrupt, KeyboardInterrupt),
        ("replace", fail_on_replace, PermissionError),
    ],
)
def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(
    old, method, failing, error, path, monkeypatch
):
    model = nn.MLP([4, 3, 2], rng=0)
    if old:
        tx.save(model, path)
    before = path.read_bytes() if old else None
    monkeypatch.setattr(Path, method, failing)
    with pytest.raises(error):
        tx.save(nn.MLP([4, 3, 2], rng=1), path)
    monkeypatch.undo()
    assert os.listdir(path.parent) == ([path.name] if old else [])
    if old:
        assert path.read_bytes() == before


def test_a_save_replaces_the_old_file(saved):
    model = nn.MLP([2, 2], rng=0)
    tx.save(model, saved)
    assert repr(tx.load_model(saved)) == repr(model)
    assert os.listdir(saved.parent) == [saved.name]


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "runs" / "model"
    with pytest.raises(FileNotFoundError, match=re.escape(f"{path}: there is no folder")):
        tx.save(nn.Linear(1, 1), path)


def test_a_folder_that_takes_no_files_is_told_under_the_name_that_was_asked_for(path, monkeypatch):
    def refused(self, exist_ok):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "touch", refused)
    with pytest.raises(PermissionError) as caught:
        tx.save(nn.Linear(1, 1), path)
    assert caught.value.filename == str(path)


@pytest.mark.parametrize("dtype", [np.complex128, "U1", object])
def test_an_array_that_the_format_cannot_hold_is_named(dtype, path):
    array = np.array(["1"]).astype(dtype)
    with pytest.raises(TypeError, match=re.escape(f"'a' has dtype {array.dtype}; wanted")):
        write_arrays(path, {"a": array}, {})
    assert not path.exists()


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask_which_is_never_set(umask, mode, path, monkeypatch):
    def forbidden(mask):
        raise AssertionError("the umask belongs to the whole process, other threads included")

    before = os.umask(umask)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", forbidden)
            tx.save(nn.Linear(1, 1), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_permissions_of_an_old_file_are_kept(saved):
    saved.chmod(0o600)
    tx.save(nn.Linear(1, 1), saved)
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


@posix
def test_behind_a_link_the_file_is_replaced_and_the_link_stays(saved, tmp_path):
    link = tmp_path / "newest.safetensors"
    link.symlink_to(saved.name)
    tx.save(nn.MLP([2, 2], rng=0), link)
    assert link.is_symlink()
    assert repr(tx.load_model(saved)) == repr(nn.MLP([2, 2]))


def test_without_safetensors_the_error_says_what_to_install(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for use in (tx.load_model, lambda path: tx.save(nn.Linear(1, 1), path)):
        with pytest.raises(ImportError, match="pip install safetensors"):
            use(saved)


@posix
def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with tx.files.replacing(pipe) as given:
            given.write_text("row\n", encoding="utf-8")
        assert os.read(reader, 100) == b"row\n"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]
