"""Model files that somebody made to do harm: the model that they hold or a ModelError, soon."""

import json
import os
import re
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xent as tx
from tests.fuzz import harness
from tests.fuzz import models as fuzz
from tinygrad_xent import nn

LAYER = {"class": "Linear", "in_features": 2, "out_features": 2, "bias": True}
WEIGHT = '"weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}'
BIAS = '"bias":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}'
ABOUT = f'"__metadata__":{json.dumps({"architecture": json.dumps(LAYER)})}'
BODY = np.arange(6, dtype=np.float32).tobytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def written(path, *entries, body=BODY):
    text = "{" + ",".join(entries) + "}"
    path.write_bytes(struct.pack("<Q", len(text.encode())) + text.encode() + body)
    return path


def extra(shape, code="F32", start=24, end=24):
    entry = {"dtype": code, "shape": shape, "data_offsets": [start, end]}
    return f'"extra":{json.dumps(entry)}'


def test_what_the_others_are_spoilt_from_is_right(path):
    model = tx.load_model(written(path, ABOUT, WEIGHT, BIAS))
    np.testing.assert_array_equal(model.weight.data, [[0, 2], [1, 3]])
    np.testing.assert_array_equal(model.bias.data, [4, 5])


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([ABOUT, WEIGHT, WEIGHT, BIAS], "'weight' stands in it twice"),
        ([ABOUT, ABOUT, WEIGHT, BIAS], "duplicate field `__metadata__`"),
        (['"__metadata__":{"a":"1","a":"2"}', WEIGHT, BIAS], "'a' stands in it twice"),
        ([ABOUT, WEIGHT], "."),  # bytes that belong to nothing
        ([ABOUT, WEIGHT, BIAS.replace("16,24", "0,8")], "."),  # shared by two
        ([ABOUT, WEIGHT, BIAS.replace("16,24", "16,32")], "."),
        ([ABOUT, WEIGHT, BIAS.replace("[2]", "[3]")], "."),
        ([ABOUT, WEIGHT, BIAS.replace("[2]", "[-2]")], "."),
        ([ABOUT, WEIGHT, BIAS.replace("[2]", "[4611686018427387904,4]")], "."),
        ([ABOUT, WEIGHT, BIAS.replace("F32", "F31")], "."),
        ([ABOUT, WEIGHT, BIAS, '"x":' + "[" * 5000], "."),
        ([ABOUT, WEIGHT, BIAS, r'"\ud800x":3'], "."),
        ([ABOUT, WEIGHT, BIAS, '"__metadata__":[]'], "."),
    ],
)
def test_a_header_that_is_wrong(entries, message, path):
    written(path, *entries)
    for read in (tx.read_metadata, tx.load_model, lambda p: tx.load(nn.Linear(2, 2), p)):
        with pytest.raises(tx.ModelError, match=re.escape(message)) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: damaged, or not a safetensors file: ")


def test_a_header_that_is_no_utf8(path):
    written(path, ABOUT, WEIGHT, BIAS)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'bias"', b'b\xff\xfes"'))
    with pytest.raises(tx.ModelError, match="UTF-8"):
        tx.load_model(path)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([0, 2**62], "too big"),
        ([0, 2**63], "Maximum allowed dimension"),
        ([0] + [1] * 70, "ndarray is currently 64"),
        ([0, 3], "unexpected 'extra'"),
    ],
)
def test_shapes_of_nothing_that_numpy_does_not_have(shape, message, path):
    written(path, ABOUT, WEIGHT, BIAS, extra(shape))
    with pytest.raises(tx.ModelError, match=message):
        tx.load_model(path)


@pytest.mark.parametrize(
    ("code", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("F4", 0.5)]
)
def test_dtypes_that_numpy_does_not_have(code, size, path):
    end = 24 + int(4 * size)
    written(path, ABOUT, WEIGHT, BIAS, extra([4], code, 24, end), body=BODY + bytes(end - 24))
    message = f"'extra' has dtype {code}, which NumPy does not have; convert it where the file"
    for read in (tx.load_model, lambda p: tx.load(nn.Linear(2, 2), p)):
        with pytest.raises(tx.ModelError, match=message):
            read(path)
    assert tx.read_metadata(path)["architecture"] == LAYER  # which asks for no array


@pytest.mark.parametrize("code", ["BOOL", "U8", "I32", "C64"])
def test_dtypes_that_are_no_weights(code, path):
    size = {"BOOL": 1, "U8": 1, "I32": 4, "C64": 8}[code]
    weight = {"dtype": code, "shape": [2, 2], "data_offsets": [0, 4 * size]}
    written(path, ABOUT, f'"weight":{json.dumps(weight)}', body=bytes(4 * size))
    with pytest.raises(tx.ModelError, match=r"'weight' has dtype \w+; wanted a floating one"):
        tx.load_model(path)


def test_complex_numbers_lose_no_part_in_silence(path):
    weight = {"dtype": "C64", "shape": [2, 2], "data_offsets": [0, 32]}
    written(path, f'"weight":{json.dumps(weight)}', body=bytes(32))
    with pytest.raises(tx.ModelError, match="'weight' has dtype complex64, wanted float32"):
        tx.load(nn.Linear(2, 2, bias=False), path)


# --- numbers that are none --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_named(bad, dtype, path):
    model = nn.MLP([3, 4, 2], rng=0, dtype=dtype)
    weight = model.state_dict()["2.weight"]
    weight[3, 1] = bad
    model.load_state_dict({**model.state_dict(), "2.weight": weight})
    tx.save(model, path)
    other = nn.MLP([3, 4, 2], rng=1, dtype=dtype)
    before = other.state_dict()
    for read in (tx.load_model, lambda p: tx.load(other, p)):
        message = rf"'2.weight' holds {bad} at \(3, 1\); allow_nonfinite=True"
        with pytest.raises(tx.ModelError, match=message):
            read(path)
    assert all((x == before[name]).all() for name, x in other.state_dict().items())
    tx.load(other, path, allow_nonfinite=True)
    for found in (other, tx.load_model(path, allow_nonfinite=True)):
        np.testing.assert_array_equal(found.state_dict()["2.weight"], weight)


def test_a_number_of_no_axes_that_is_not_finite(path):
    class Scale(nn.Module):
        def __init__(self):
            self.factor = tx.Tensor(np.nan, requires_grad=True)

    tx.save(Scale(), path)
    with pytest.raises(tx.ModelError, match="'factor' holds nan; allow"):
        tx.load(Scale(), path)


@pytest.mark.parametrize("allow", [False, True])
def test_numbers_too_large_for_the_model_do_not_become_infinite(allow, path):
    wide = nn.Linear(
        2, 2, dtype=np.float64, initialise=lambda rng, shape, n: np.full(shape, -1e300)
    )
    tx.save(wide, path)
    narrow = nn.Linear(2, 2)
    with pytest.raises(tx.ModelError, match=r"'bias' holds -1e\+300, too large for float32"):
        tx.load(narrow, path, allow_nonfinite=allow)
    twin = nn.Linear(2, 2, dtype=np.float64)
    tx.load(twin, path)
    assert (twin.weight.data == -1e300).all()


# --- versions ---------------------------------------------------------------------------------


def from_version(path, version, layer):
    about = {"architecture": json.dumps(layer), "tinygrad_xent_version": json.dumps(version)}
    return written(path, f'"__metadata__":{json.dumps(about)}', WEIGHT, BIAS)


@pytest.mark.parametrize("layer", [{"class": "Conv9d"}, {**LAYER, "groups": 2}])
def test_what_only_a_newer_version_understands(layer, path):
    with pytest.raises(tx.ModelError, match="cannot be built: ") as caught:
        tx.load_model(from_version(path, "99.1.0", layer))
    wanted = f"written by tinygrad_xent 99.1.0, which is newer than this one, {tx.__version__}: pip"
    assert wanted in str(caught.value)
    for version in (tx.__version__, "0.0.1", "99", 99, None, ["x"]):
        with pytest.raises(tx.ModelError) as caught:
            tx.load_model(from_version(path, version, layer))
        assert "which is newer" not in str(caught.value)


def test_what_is_understood_is_loaded_from_whatever_version(path):
    for version in ("99.1.0", "0.0.1", None, 3):
        model = tx.load_model(from_version(path, version, LAYER))
        assert model.bias.data.tolist() == [4, 5]


# --- sizes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "padding",
    [
        lambda n: "{" + " " * n + "}",
        lambda n: '{"__metadata__":{"architecture":"' + "[" * n + '"}}',
        lambda n: '{"__metadata__":{"architecture":"[' + "{}," * (n // 3) + '1]"}}',
        lambda n: "{" + ",".join(f'"{k}":3' for k in range(n // 11)) + "}",
    ],
)
def test_a_header_longer_than_any_model_has_is_refused_unread(padding, path):
    text = padding((1 << 24) + 10_000_000)
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode())
    del text
    tracemalloc.start()
    try:
        with pytest.raises(tx.ModelError, match="bytes; wanted at most 16,777,216"):
            tx.load_model(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_thousand_wrong_names_make_no_message_of_a_thousand_lines(path):
    entry = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    written(path, *(f'"{k}":{entry}' for k in range(5000)), body=b"")
    with pytest.raises(tx.ModelError) as caught:
        tx.load(nn.Linear(2, 2), path)
    assert len(str(caught.value)) < 1500
    assert "missing 'weight'" in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes as POSIX has them")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError, match="pipe: no such model file"):
        tx.load_model(tmp_path / "pipe")


# --- whatever the bytes -----------------------------------------------------------------------


def test_mutations_of_valid_files_give_the_model_or_a_model_error(tmp_path):
    outcome = harness.run("models", 2000, int(np.random.default_rng().integers(2**32)), tmp_path)
    assert outcome.passed > 1000  # at least half get past the library's checks


@given(content=st.binary(max_size=200), header=st.booleans())
def test_noise_gives_a_model_error(content, header, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    content = struct.pack("<Q", len(content)) + content if header else content
    fuzz.attempt(content, folder)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
trees = st.recursive(
    scalars | st.sampled_from(["MLP", "Linear", "Sequential", "relu"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["class", "sizes", "layers", "activation", "bias", "in_features"])
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
)


@given(tree=trees)
def test_any_json_for_an_architecture(tree, tmp_path_factory):
    about = {"architecture": json.dumps(tree)}
    path = tmp_path_factory.getbasetemp() / "tree.safetensors"
    written(path, f'"__metadata__":{json.dumps(about)}', WEIGHT, BIAS)
    fuzz.attempt(path.read_bytes(), tmp_path_factory.getbasetemp())


def test_the_corpus_is_read_whole():
    for content in fuzz.corpus():
        about, arrays = fuzz.parsed(content)
        assert arrays is not None
        assert about["format"] == "pt"


def test_the_judge_sees_a_wrong_model():
    content = next(iter(fuzz.corpus()))
    arrays = fuzz.parsed(content)[1]
    model = nn.MLP([4, 3], rng=0)
    fuzz.judge(model, arrays)
    with pytest.raises(AssertionError):
        fuzz.judge(nn.MLP([4, 3], rng=1), arrays)
    with pytest.raises(AssertionError):
        fuzz.judge(model, {**arrays, "x": np.ones(2)})
