"""Optimizers against PyTorch's, step for step; skipped where PyTorch is not installed."""

import itertools

import numpy as np
import pytest

import tinygrad_xent as tx

torch = pytest.importorskip("torch")

SHAPES = [(3, 4), (4,), ()]


def both_paths(ours, theirs, steps=30):
    """The same start and gradients through both; all parameters after every step."""
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=shape) for shape in SHAPES]
    a = [tx.Tensor(x, requires_grad=True) for x in starts]
    b = [torch.tensor(x, requires_grad=True) for x in starts]
    ours, theirs = ours(a), theirs(b)
    for step in range(steps):
        for p, q in zip(a, b, strict=True):
            # Now and then one has no gradient; the scale changes, so that running means matter.
            g = rng.normal(size=p.shape) * 10.0 ** rng.integers(-3, 3)
            skip = p is a[step % 7] if step % 7 < len(a) else False
            p.grad = None if skip else g
            q.grad = None if skip else torch.tensor(g)
        ours.step()
        theirs.step()
        for p, q in zip(a, b, strict=True):
            yield p.numpy(), q.detach().numpy()


def assert_same(name, **options):
    make, torch_make = getattr(tx.optim, name), getattr(torch.optim, name)
    for ours, theirs in both_paths(
        lambda p: make(p, **options), lambda p: torch_make(p, **options)
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("momentum", "dampening", "weight_decay", "nesterov"),
    [
        case
        for case in itertools.product([0, 0.9], [0, 0.4], [0, 0.1], [False, True])
        if not (case[3] and (case[0] == 0 or case[1] > 0))
    ],
)
def test_sgd(momentum, dampening, weight_decay, nesterov):
    assert_same(
        "SGD",
        lr=0.03,
        momentum=momentum,
        dampening=dampening,
        weight_decay=weight_decay,
        nesterov=nesterov,
    )


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize("weight_decay", [0, 0.1])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.6), (0.0, 0.0)])
@pytest.mark.parametrize("eps", [1e-8, 1e-2])
def test_adam(name, weight_decay, betas, eps):
    assert_same(name, lr=0.03, betas=betas, eps=eps, weight_decay=weight_decay)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_defaults(name):
    assert_same(name)


def test_a_whole_training_run():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(16, 4)), rng.integers(0, 3, 16)
    model = tx.nn.MLP([4, 8, 3], "tanh", rng=0, dtype=np.float64)
    twin = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    with torch.no_grad():
        for q, p in zip(twin.double().parameters(), model.parameters(), strict=True):
            q.copy_(torch.tensor(p.numpy().T))
    ours = tx.optim.AdamW(model.parameters(), lr=0.02)
    theirs = torch.optim.AdamW(twin.parameters(), lr=0.02)
    for _ in range(30):
        loss = tx.cross_entropy(model(tx.Tensor(x)), y)
        ours.zero_grad()
        loss.backward()
        ours.step()
        torch_loss = torch.nn.functional.cross_entropy(twin(torch.tensor(x)), torch.tensor(y))
        theirs.zero_grad()
        torch_loss.backward()
        theirs.step()
        np.testing.assert_allclose(loss.item(), torch_loss.item(), rtol=1e-11)
    for q, p in zip(twin.parameters(), model.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy().T, q.detach().numpy(), rtol=1e-9, atol=1e-11)
