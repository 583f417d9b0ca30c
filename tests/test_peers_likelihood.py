"""Distributions against torch.distributions: probabilities and their gradients; skipped without."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_xent as tx
from tinygrad_xent.likelihood import Bernoulli, Categorical, Gaussian, Poisson

torch = pytest.importorskip("torch")
theirs = torch.distributions
SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)


def both(ours, peer, parameters, x):
    """Log-probabilities, and the gradients of a weighted sum of them."""
    a = [tx.Tensor(p, requires_grad=True) for p in parameters]
    b = [torch.tensor(p, requires_grad=True) for p in parameters]
    y, t = ours(*a).log_prob(x), peer(*b).log_prob(torch.tensor(x))
    np.testing.assert_allclose(y.numpy(), t.detach().numpy(), rtol=1e-11, atol=1e-12)
    v = np.random.default_rng(1).uniform(0.5, 1.5, y.shape)
    (y * v).sum().backward()
    (t * torch.tensor(v)).sum().backward()
    for mine, other in zip(a, b, strict=True):
        np.testing.assert_allclose(mine.grad, other.grad.numpy(), rtol=1e-10, atol=1e-11)


@given(SHAPES, st.integers(0, 2**32))
def test_categorical(shape, seed):
    rng = np.random.default_rng(seed)
    z, y = 4 * rng.normal(size=shape), rng.integers(0, shape[-1], (3, *shape[:-1]))
    both(lambda z: Categorical(logits=z), lambda z: theirs.Categorical(logits=z), [z], y)
    q = np.asarray(tx.softmax(z))
    both(lambda q: Categorical(probs=q), lambda q: theirs.Categorical(probs=q), [q], y)


@given(SHAPES, st.integers(0, 2**32))
def test_bernoulli(shape, seed):
    rng = np.random.default_rng(seed)
    z, x = 4 * rng.normal(size=shape), rng.integers(0, 2, (3, *shape)).astype(float)
    both(lambda z: Bernoulli(logits=z), lambda z: theirs.Bernoulli(logits=z), [z], x)
    q = np.asarray(tx.sigmoid(z))
    both(lambda q: Bernoulli(probs=q), lambda q: theirs.Bernoulli(probs=q), [q], x)


@given(SHAPES, st.integers(0, 2**32))
def test_gaussian_and_poisson(shape, seed):
    rng = np.random.default_rng(seed)
    mu, sigma = rng.normal(size=shape), np.exp(rng.normal(size=shape))
    both(Gaussian, theirs.Normal, [mu, sigma], rng.normal(size=(3, *shape)))
    both(Poisson, theirs.Poisson, [np.exp(mu)], rng.poisson(2.0, (3, *shape)).astype(float))


@given(SHAPES)
def test_entropy_is_the_mean_surprise(shape):
    """Theirs in closed form, ours as the average of -log_prob weighted by the mean."""
    z = np.random.default_rng(0).normal(size=shape)
    d, k = Categorical(logits=z), np.arange(shape[-1])
    surprise = -np.stack([d.log_prob(np.full(shape[:-1], n)) for n in k], -1)
    entropy = theirs.Categorical(logits=torch.tensor(z)).entropy().numpy()
    np.testing.assert_allclose((d.mean * surprise).sum(-1), entropy, rtol=1e-12)
