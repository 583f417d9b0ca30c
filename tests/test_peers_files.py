"""Model files in PyTorch's hands, and PyTorch's in ours; skipped where it is not installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_xent as tx

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

X = np.random.default_rng(0).normal(size=(6, 4))
TWINS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}


def twin_of(activation):
    layer = TWINS[activation]
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), layer(), torch.nn.Linear(8, 8), layer(), torch.nn.Linear(8, 3)
    ).double()


def assert_same_outputs(ours, theirs):
    np.testing.assert_allclose(
        ours(tx.Tensor(X)).numpy(), theirs(torch.tensor(X)).detach().numpy(), rtol=1e-12
    )


@pytest.mark.parametrize("activation", TWINS)
def test_pytorch_reads_our_files(activation, tmp_path):
    model = tx.nn.MLP([4, 8, 8, 3], activation, rng=0, dtype=np.float64)
    tx.save(model, tmp_path / "model.safetensors")
    twin = twin_of(activation)
    twin.load_state_dict(safetensors_torch.load_file(tmp_path / "model.safetensors"))
    assert_same_outputs(model, twin)


@pytest.mark.parametrize("activation", TWINS)
def test_we_read_pytorchs_files(activation, tmp_path):
    twin = twin_of(activation)
    safetensors_torch.save_file(
        twin.state_dict(), tmp_path / "twin.safetensors", metadata={"format": "pt", "by": "torch"}
    )
    model = tx.nn.MLP([4, 8, 8, 3], activation, dtype=np.float64)
    tx.load(model, tmp_path / "twin.safetensors")
    assert_same_outputs(model, twin)


KINDS = {
    tx.nn.ReLU: torch.nn.ReLU,
    tx.nn.Tanh: torch.nn.Tanh,
    tx.nn.Sigmoid: torch.nn.Sigmoid,
    tx.nn.Dropout: torch.nn.Dropout,
}


def a_model(draw, width, depth=0):
    """A Sequential of whatever layers, its twin, and how many columns come out."""
    ours, theirs = [], []
    for _ in range(draw(st.integers(0 if depth else 1, 4))):
        kind = draw(st.sampled_from(["linear", "activation", *(["nested"] if depth < 2 else [])]))
        if kind == "linear":
            out, bias = draw(st.integers(1, 5)), draw(st.booleans())
            ours.append(tx.nn.Linear(width, out, bias, rng=draw(st.integers(0, 99))))
            theirs.append(torch.nn.Linear(width, out, bias))
            width = out
        elif kind == "activation":
            layer = draw(st.sampled_from(list(KINDS)))
            ours.append(layer())
            theirs.append(KINDS[layer]())
        else:
            a, b, width = a_model(draw, width, depth + 1)
            ours.append(a)
            theirs.append(b)
    return tx.nn.Sequential(*ours).eval(), torch.nn.Sequential(*theirs).eval(), width


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_sequential_goes_there_and_back_bit_for_bit(data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    model, twin, _ = a_model(data.draw, 4)
    tx.save(model, folder / "there.safetensors")
    twin.load_state_dict(safetensors_torch.load_file(folder / "there.safetensors"))
    x = X.astype(np.float32)
    with torch.no_grad():
        wanted = twin(torch.tensor(x)).numpy()
    np.testing.assert_allclose(model(tx.Tensor(x)).numpy(), wanted, rtol=1e-4, atol=1e-5)
    safetensors_torch.save_file(twin.state_dict(), folder / "back.safetensors")
    again = tx.load_model(folder / "there.safetensors")
    for tensor in again.parameters():
        tensor.data = np.zeros_like(tensor.data)
    tx.load(again, folder / "back.safetensors")
    for name, array in model.state_dict().items():
        assert array.tobytes() == again.state_dict()[name].tobytes()


def test_without_a_file_it_is_a_line_each(tmp_path):
    model, twin = tx.nn.MLP([4, 8, 8, 3], "tanh", rng=0, dtype=np.float64), twin_of("tanh")
    twin.load_state_dict({k: torch.from_numpy(a.T.copy()) for k, a in model.state_dict().items()})
    assert_same_outputs(model, twin)
    back = tx.nn.MLP([4, 8, 8, 3], "tanh", rng=1, dtype=np.float64)
    back.load_state_dict({k: t.numpy().T for k, t in twin.state_dict().items()})
    assert_same_outputs(back, twin)


def test_a_dtype_that_numpy_does_not_have_is_refused(tmp_path):
    path = tmp_path / "half.safetensors"
    safetensors_torch.save_file(torch.nn.Linear(4, 3).bfloat16().state_dict(), path)
    model = tx.nn.Linear(4, 3)
    with pytest.raises(tx.ModelError, match=r"half\.safetensors: .* has dtype BF16, which NumPy"):
        tx.load(model, path)
