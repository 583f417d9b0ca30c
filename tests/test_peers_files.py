"""Model files in PyTorch's hands, and PyTorch's in ours; skipped where it is not installed."""

import numpy as np
import pytest

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


def test_a_dtype_that_numpy_does_not_have_is_refused(tmp_path):
    path = tmp_path / "half.safetensors"
    safetensors_torch.save_file(torch.nn.Linear(4, 3).bfloat16().state_dict(), path)
    model = tx.nn.Linear(4, 3)
    with pytest.raises(tx.ModelError, match=r"half\.safetensors"):
        tx.load(model, path)
