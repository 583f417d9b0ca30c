"""Dropout, and the two ways in which a model behaves: in training and in use."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xent as tx
from tinygrad_xent import nn


@given(st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 2**32))
def test_a_share_of_p_is_left_out_and_the_mean_stays(p, seed):
    n = 20_000
    y = tx.dropout(np.ones(n), p, rng=seed)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-15)
    left_out = (y == 0).sum()
    assert abs(left_out - n * p) < 6 * math.sqrt(n * p * (1 - p))


def test_half_is_left_out_if_no_share_is_named():
    y = tx.dropout(np.ones(2000), rng=0)
    assert set(y) == {0.0, 2.0}
    assert abs((y == 0).sum() - 1000) < 150


def test_a_share_of_0_leaves_nothing_out_even_if_the_random_numbers_are_0():
    zeros = np.random.MT19937()
    zeros.state = {"bit_generator": "MT19937", "state": {"key": np.zeros(624, "u4"), "pos": 0}}
    assert np.random.Generator(zeros).random() == 0
    np.testing.assert_array_equal(tx.dropout([1.0, 2.0], 0.0, np.random.Generator(zeros)), [1, 2])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dropout_keeps_the_dtype_and_its_gradient_is_its_mask(dtype):
    x = tx.Tensor(np.arange(1, 13, dtype=dtype).reshape(3, 4), requires_grad=True)
    y = tx.dropout(x, 0.25, rng=3)
    y.backward(np.full((3, 4), 2, dtype))
    mask = y.op.saved["mask"]
    assert y.dtype == x.grad.dtype == mask.dtype == dtype
    assert set(np.unique(mask)) == {dtype(0), dtype(1 / 0.75)}
    np.testing.assert_array_equal(x.grad, 2 * mask)
    np.testing.assert_array_equal(y.numpy(), x.numpy() * mask)


def test_nothing_and_everything_left_out():
    x = np.array([1.0, -2.0, np.pi])
    np.testing.assert_array_equal(tx.dropout(x, 0.0, rng=0), x)
    np.testing.assert_array_equal(tx.dropout(x, 1.0, rng=0), [0, 0, 0])
    np.testing.assert_array_equal(tx.dropout([1, 2], 0.0, rng=0), [1, 2])
    assert tx.dropout(np.zeros((0, 3)), 0.5, rng=0).shape == (0, 3)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan, "half", None, True])
def test_a_p_that_is_no_probability_is_named(p):
    for make, name in (
        (lambda: tx.dropout(np.ones(3), p), "dropout: p"),
        (lambda: nn.Dropout(p), "Dropout: p"),
        (lambda: nn.MLP([2, 3, 2], dropout=p), "MLP: dropout"),
    ):
        with pytest.raises(ValueError, match=rf"{name} is .*; wanted a probability, from 0 to 1"):
            make()


def test_the_drawing_shows_the_mask_and_the_rule():
    x = tx.Tensor(np.ones((1, 3)), requires_grad=True, name="x")
    y = tx.dropout(x, 0.5, rng=0)
    loss = y.sum()
    loss.backward()
    source = tx.make_dot(loss, show_saved=True).source
    assert "ḡ ⊙ mask" in source
    assert "saved: mask" in source
    assert "0 or 1 / (1 - 0.5)" in source


# --- modes --------------------------------------------------------------------------------------


def test_a_model_is_in_training_until_it_is_told():
    model = nn.MLP([3, 8, 2], dropout=0.5, rng=0)
    assert [module.training for _, module in model.named_modules()] == [True] * 5
    assert model.eval() is model
    assert not any(module.training for _, module in model.named_modules())
    assert model.train() is model
    assert model.train(False).training is False
    assert nn.Linear(2, 2).training


def test_dropout_works_in_training_only():
    layer, x = nn.Dropout(0.5, rng=0), tx.Tensor(np.ones(1000))
    assert (layer(x).numpy() == 0).any()
    assert layer.eval()(x) is x
    assert nn.Dropout(0.0)(x) is x


def test_modes_reach_lists_dicts_and_rings():
    class Odd(nn.Module):
        def __init__(self):
            self.layers = [nn.Dropout(0.1), {"a": nn.Dropout(0.2)}]
            self.again = self

    model = Odd().eval()
    assert not model.layers[0].training
    assert not model.layers[1]["a"].training


def test_mlp_with_dropout_is_the_same_network_without():
    with_it, without = (nn.MLP([3, 8, 8, 2], dropout=p, rng=0) for p in (0.3, 0.0))
    assert [repr(layer) for layer in with_it] == [
        "Linear(3, 8)", "ReLU()", "Dropout(0.3)", "Linear(8, 8)", "ReLU()", "Dropout(0.3)",
        "Linear(8, 2)",
    ]  # fmt: skip
    x = tx.Tensor(np.ones((4, 3), np.float32))
    np.testing.assert_array_equal(with_it.eval()(x).numpy(), without(x).numpy())
    assert not np.array_equal(with_it.train()(x).numpy(), with_it(x).numpy())


def test_the_same_seed_leaves_out_the_same():
    x = tx.Tensor(np.ones((4, 3), np.float32))
    one, two = (nn.MLP([3, 50, 2], dropout=0.5, rng=7) for _ in range(2))
    for _ in range(3):
        np.testing.assert_array_equal(one(x).numpy(), two(x).numpy())
    twin = copy.deepcopy(one)
    np.testing.assert_array_equal(one(x).numpy(), twin(x).numpy())


def test_saved_and_rebuilt_for_use(tmp_path):
    model = nn.Sequential(nn.Linear(3, 8, rng=0), nn.Dropout(0.4), nn.MLP([8, 4, 2], dropout=0.1))
    for kept in (model, model[2]):
        tx.save(kept, tmp_path / "model.safetensors")
        loaded = tx.load_model(tmp_path / "model.safetensors")
        assert repr(loaded) == repr(kept)
        assert not any(module.training for _, module in loaded.named_modules())
        kept.eval()
        x = tx.Tensor(np.ones((5, kept.parameters()[0].shape[0]), np.float32))
        np.testing.assert_array_equal(loaded(x).numpy(), kept(x).numpy())


def test_a_program_draws_nothing():
    model = nn.MLP([3, 8, 2], dropout=0.5, rng=0)

    @tx.compile
    def loss(x):
        return tx.cross_entropy(model(tx.Tensor(x)), [0, 1])

    x = np.ones((2, 3), np.float32)
    with pytest.raises(tx.TraceError, match="random ones, would become constants of the program"):
        loss(x)
    model.eval()
    assert loss(x).item() == tx.cross_entropy(model(tx.Tensor(x)), [0, 1]).item()
    model.train()
    with pytest.raises(tx.TraceError, match="random ones"):  # not the program of before
        loss(x)
