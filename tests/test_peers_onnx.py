"""Models as ONNX: onnxruntime gives what NumPy gives; skipped where it is not installed."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xent as tx
from tinygrad_xent import nn

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

DTYPES = [np.float32, np.float64]
CLOSE = {"float32": 1e-6, "float64": 1e-13}
NUMPYS = {  # what a layer does, written out
    nn.ReLU: lambda x: np.maximum(x, 0),
    nn.Tanh: np.tanh,
    nn.Sigmoid: lambda x: 1 / (1 + np.exp(-x)),
}


def by_hand(model, x):
    """The model in NumPy's float64."""
    if isinstance(model, nn.Sequential):
        for layer in model:
            x = by_hand(layer, x)
        return x
    if isinstance(model, nn.Linear):
        bias = 0 if model.bias is None else model.bias.numpy().astype(np.float64)
        return x @ model.weight.numpy().astype(np.float64) + bias
    return NUMPYS[type(model)](x) if type(model) in NUMPYS else x


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def run(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x})
    return found


def rows(features, n=7, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(size=(n, features)).astype(dtype)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def models(dtype):
    for activation in ("relu", "tanh", "sigmoid"):
        yield nn.MLP([4, 8, 8, 3], activation, rng=0, dtype=dtype)
    yield nn.MLP([4, 3], rng=0, dtype=dtype)
    yield nn.Linear(4, 3, rng=0, dtype=dtype)
    yield nn.Linear(4, 3, bias=False, rng=0, dtype=dtype)
    yield nn.Sequential(
        nn.Tanh(),
        nn.Sequential(nn.Linear(4, 5, rng=0, dtype=dtype), nn.ReLU(), nn.ReLU()),
        nn.Sequential(),
        nn.MLP([5, 6, 2], "tanh", rng=1, dtype=dtype),
    )
    yield nn.MLP([4, 8, 3], rng=0, dtype=dtype, dropout=0.5)  # in training, where it would draw


@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_onnxruntime_agrees(dtype, probabilities, path):
    for model in models(dtype):
        tx.to_onnx(model, path, probabilities=probabilities)
        for n in (1, 7, 1000):
            x = rows(4, n, dtype)
            wanted = by_hand(model, x.astype(np.float64))
            wanted = softmax(wanted) if probabilities else wanted
            found = run(path, x)
            assert found.dtype == dtype
            close = CLOSE[np.dtype(dtype).name]
            np.testing.assert_allclose(found, wanted, rtol=close, atol=close)


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=5),
    activation=st.sampled_from(["relu", "tanh", "sigmoid"]),
    n=st.integers(0, 20),
    seed=st.integers(0, 99),
)
def test_any_mlp(sizes, activation, n, seed, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    model = nn.MLP(sizes, activation, rng=seed)
    x = rows(sizes[0], n, seed=seed)
    tx.to_onnx(model, path)
    found = run(path, x)
    assert found.shape == (n, sizes[-1])
    with tx.no_grad():
        np.testing.assert_allclose(found, model(tx.Tensor(x)).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_second_reader_agrees(dtype, path):
    """The interpreter that the standard itself comes with, on a model that has everything."""
    from onnx.reference import ReferenceEvaluator

    model = nn.MLP([4, 8, 3], "tanh", rng=0, dtype=dtype)
    mean, std = [1.0, -2.0, 3.0, 0.0], [2.0, 1.0, 0.5, 4.0]
    tx.to_onnx(model, path, mean=mean, std=std, probabilities=True, classes=["a", "b", "c"])
    x = rows(4, dtype=dtype)
    (found,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    wanted = softmax(by_hand(model, (x.astype(np.float64) - mean) / std))
    close = CLOSE[np.dtype(dtype).name]
    np.testing.assert_allclose(found, wanted, rtol=close, atol=close)
    np.testing.assert_allclose(run(path, x), wanted, rtol=close, atol=close)


def test_the_data_as_they_are_go_in(path):
    """Bodies in grams: far from 0, so that a difference in float32 would lose digits."""
    data = np.random.default_rng(0).normal([4200.0, 0.001], [1.0, 1e-6], size=(200, 2))
    data = data.astype(np.float32)
    scale = tx.data.Standardiser.fit(data)
    model = nn.MLP([2, 8, 3], rng=0)
    tx.to_onnx(model, path, mean=scale.mean, std=scale.std)
    with tx.no_grad():
        wanted = model(tx.Tensor(scale(data))).numpy()
    np.testing.assert_allclose(run(path, data), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("mean", "std", "wanted"),
    [
        (2.0, None, lambda x: x - 2),
        (None, 4, lambda x: x / 4),
        (np.ones(4), 2, lambda x: (x - 1) / 2),
    ],
)
def test_one_of_both_or_a_number_for_all(mean, std, wanted, path):
    tx.to_onnx(nn.Sequential(nn.Linear(4, 4, rng=0)), path, mean=mean, std=std)
    model, x = nn.Linear(4, 4, rng=0), rows(4)
    expected = by_hand(model, wanted(x.astype(np.float64)))
    np.testing.assert_allclose(run(path, x), expected, rtol=1e-6, atol=1e-6)


def test_extreme_logits_end_in_probabilities(path):
    model = nn.Linear(
        1, 2, bias=False, initialise=lambda rng, shape, n: np.array([[1000.0, -1000]])
    )
    tx.to_onnx(model, path, probabilities=True)
    np.testing.assert_array_equal(run(path, np.ones((1, 1), np.float32)), [[1, 0]])


def test_a_model_without_arrays_takes_any_width(path):
    tx.to_onnx(nn.Sequential(nn.ReLU()), path, mean=1.0)
    x = rows(5)
    np.testing.assert_allclose(run(path, x), np.maximum(x - 1, 0), atol=1e-6)


# --- what is in the file ----------------------------------------------------------------------


def test_the_file_says_what_it_is(path):
    tx.to_onnx(nn.MLP([4, 5, 3], rng=0), path, classes=["a", "ü", '<b>"'], probabilities=True)
    made = onnx.load(path)
    onnx.checker.check_model(made, full_check=True)
    assert [(one.domain, one.version) for one in made.opset_import] == [("", 17)]
    assert (made.producer_name, made.producer_version) == ("tinygrad_xent", tx.__version__)
    session = onnxruntime.InferenceSession(path)
    (given,), (gives,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape, given.type) == ("x", ["N", 4], "tensor(float)")
    assert (gives.name, gives.shape, gives.type) == ("probabilities", ["N", 3], "tensor(float)")
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == ["a", "ü", '<b>"']


def test_names_and_layout_are_pytorchs(path):
    model = nn.MLP([4, 5, 3], rng=0)
    tx.to_onnx(model, path)
    found = {a.name: onnx.numpy_helper.to_array(a) for a in onnx.load(path).graph.initializer}
    assert list(found) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(found[name], array.T)


def test_the_same_model_gives_the_same_bytes(digests):
    program = (
        "import sys, hashlib, tempfile; list(range({waste} * 1000))\n"
        "import tinygrad_xent as tx\n"
        "path = tempfile.mkdtemp() + '/m.onnx'\n"
        "model = tx.nn.MLP([4, 5, 3], rng=0)\n"
        "tx.to_onnx(model, path, mean=1.0, std=[1, 2, 3, 4], classes=['a', 'b', 'c'])\n"
        "print(hashlib.sha256(open(path, 'rb').read()).hexdigest())\n"
    )
    first, second = digests(program)
    assert first == second


def test_a_saved_model_is_handed_on_from_its_file(tmp_path, path):
    data = tx.data.load("iris")
    scale = tx.data.Standardiser.fit(data.x)
    model = nn.MLP([4, 8, 3], rng=0)
    about = {"classes": list(data.classes), "mean": scale.mean.tolist(), "std": scale.std.tolist()}
    tx.save(model, tmp_path / "model.safetensors", metadata=about)
    kept = tx.read_metadata(tmp_path / "model.safetensors")
    again = tx.load_model(tmp_path / "model.safetensors")
    tx.to_onnx(again, path, mean=kept["mean"], std=kept["std"], classes=kept["classes"])
    with tx.no_grad():
        wanted = model(tx.Tensor(scale(data.x))).numpy()
    np.testing.assert_allclose(run(path, data.x.astype(np.float32)), wanted, rtol=1e-5, atol=1e-6)


# --- what cannot be -----------------------------------------------------------------------------


class Doubled(nn.Linear):
    """Another forward: another layer."""

    def forward(self, x):
        return 2 * super().forward(x)


class Renamed(nn.Sequential):
    """The same forward: the same layer, whatever else it has."""

    notes = ("mine",)


class Called(nn.ReLU):
    def __call__(self, x):
        return -super().__call__(x)


def test_a_subclass_with_the_same_forward_is_the_same_layer(path):
    model = Renamed(nn.Linear(4, 3, rng=0), nn.Tanh())
    tx.to_onnx(model, path)
    x = rows(4)
    np.testing.assert_allclose(run(path, x), by_hand(model, x.astype(np.float64)), atol=1e-6)


def patched():
    model = nn.Sequential(nn.ReLU())
    model[0].forward = lambda x: -x
    return model


def mixed():
    return nn.Sequential(nn.Linear(4, 3, dtype=np.float32), nn.Linear(3, 2, dtype=np.float64))


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (
            nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Sequential(Doubled(4, 3))),
            {},
            TypeError,
            "layer '1.0' is a Doubled, for which there is no ONNX here; wanted Linear, ReLU, Tanh,",
        ),
        (Doubled(4, 3), {}, TypeError, "the model is a Doubled"),
        (nn.Sequential(Called()), {}, TypeError, "layer '0' is a Called"),
        (nn.Module(), {}, TypeError, "the model is a Module"),
        (patched(), {}, TypeError, "layer '0' is a ReLU with a forward of its own, for which"),
        (nn.MLP([4, 3], dtype=np.float16), {}, ValueError, "has dtype float16; wanted float32 or"),
        (mixed(), {}, ValueError, "differ in dtype: '0.bias' float32, '1.bias' float64"),
        (
            nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(4, 3)),
            {},
            ValueError,
            "layer '2' takes 4 columns, and gets 3",
        ),
        (nn.MLP([4, 3]), {"mean": [1, 2, 3]}, ValueError, r"mean has shape \(3,\); .*shape \(4,\)"),
        (nn.MLP([4, 3]), {"std": np.ones((4, 1))}, ValueError, r"std has shape \(4, 1\)"),
        (nn.Tanh(), {"std": np.ones((4, 1))}, ValueError, r"std has .*a number or one axis"),
        (nn.MLP([4, 3]), {"std": [1, 0, 1, 1]}, ValueError, r"std holds 0\.0; wanted numbers > 0"),
        (nn.MLP([4, 3]), {"std": -1}, ValueError, "std holds -1"),
        (nn.MLP([4, 3]), {"mean": np.nan}, ValueError, "mean holds nan"),
        (nn.MLP([4, 3]), {"mean": [1, 2, np.inf, 4]}, ValueError, "mean holds inf"),
        (nn.MLP([4, 3]), {"classes": ["a", "b"]}, ValueError, r"classes \['a', 'b'\]; wanted 3"),
        (nn.MLP([4, 3]), {"classes": "abc"}, ValueError, "classes 'abc'; wanted 3 names"),
    ],
)
def test_what_cannot_be_handed_over_is_named(model, options, error, message, path):
    with pytest.raises(error, match=f"^to_onnx: .*{message}"):
        tx.to_onnx(model, path, **options)
    assert os.listdir(path.parent) == []


def test_an_interrupted_export_leaves_the_old_file(path, monkeypatch):
    tx.to_onnx(nn.MLP([4, 3], rng=0), path)
    before = path.read_bytes()

    def full(self, content):
        with open(self, "wb") as file:
            file.write(content[:10])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        tx.to_onnx(nn.MLP([4, 3], rng=1), path)
    monkeypatch.undo()
    assert os.listdir(path.parent) == [path.name]
    assert path.read_bytes() == before


def test_what_protobuf_cannot_hold_is_refused(path, monkeypatch):
    monkeypatch.setattr("tinygrad_xent.export.LARGEST", 100)
    with pytest.raises(ValueError, match=r"to_onnx: the model has [\d,]+ bytes; ONNX holds 100"):
        tx.to_onnx(nn.MLP([4, 3]), path)
