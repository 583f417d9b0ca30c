"""Optimizers against PyTorch's, step for step; skipped where PyTorch is not installed."""

import inspect
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


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.6)])
@pytest.mark.parametrize("weight_decay", [0, 0.1])
def test_amsgrad(name, maximize, betas, weight_decay):
    options = {"amsgrad": True, "maximize": maximize, "betas": betas}
    assert_same(name, lr=0.03, weight_decay=weight_decay, **options)


# Centered with eps = 1e-3: at 1e-8 the first steps, whose variance is a difference of nearly equal
# numbers, are as uncertain there as here.
@pytest.mark.parametrize("alpha", [0.99, 0.5, 0.0, 1.0])
@pytest.mark.parametrize(("centered", "eps"), [(False, 1e-8), (False, 1e-2), (True, 1e-3)])
@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("weight_decay", [0, 0.1])
def test_rmsprop(alpha, centered, eps, momentum, weight_decay):
    if centered and alpha == 0:
        alpha = (
            0.1  # for 0 the variance is g² - g²: 0 here, but for rounding, of which nan may come
        )
    if alpha == 1 and eps == 1e-8:
        eps = 1e-2  # v stays 0, and steps of 1e8 g leave the digits behind
    options = {"alpha": alpha, "eps": eps, "momentum": momentum, "weight_decay": weight_decay}
    assert_same("RMSprop", lr=0.003, centered=centered, **options)


@pytest.mark.parametrize("lr_decay", [0, 0.3])
@pytest.mark.parametrize("start", [0, 2.5])
@pytest.mark.parametrize("eps", [1e-10, 1e-2])
@pytest.mark.parametrize("weight_decay", [0, 0.1])
def test_adagrad(lr_decay, start, eps, weight_decay):
    assert_same(
        "Adagrad",
        lr=0.03,
        lr_decay=lr_decay,
        initial_accumulator_value=start,
        eps=eps,
        weight_decay=weight_decay,
    )


EVERY = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"]


@pytest.mark.parametrize("name", EVERY)
def test_defaults(name):
    assert_same(name)


@pytest.mark.parametrize("name", EVERY)
def test_maximize(name):
    assert_same(name, lr=0.01, maximize=True, weight_decay=0.1)


@pytest.mark.parametrize("name", EVERY)
def test_arguments_stand_in_pytorchs_order_with_its_defaults(name):
    def arguments(cls):
        given = inspect.signature(cls).parameters.values()
        return [(p.name, p.default) for p in given if p.kind is p.POSITIONAL_OR_KEYWORD]

    ours, theirs = arguments(getattr(tx.optim, name)), arguments(getattr(torch.optim, name))
    unknown = {"foreach", "fused", "capturable", "differentiable"}
    theirs = [pair for pair in theirs if pair[0] not in unknown | {"maximize"}]
    assert ours == theirs


# --- schedules --------------------------------------------------------------------------------

schedules = tx.optim.schedules
rates = torch.optim.lr_scheduler


def warmed_up(optimizer, steps, then):
    first = rates.LinearLR(optimizer, 1 / steps, 1.0, total_iters=steps - 1)
    return rates.SequentialLR(optimizer, [first, then], milestones=[steps])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (schedules.step(7, 0.3), lambda o: rates.StepLR(o, 7, 0.3)),
        (schedules.step(1), lambda o: rates.StepLR(o, 1)),
        (schedules.exponential(0.9), lambda o: rates.ExponentialLR(o, 0.9)),
        (schedules.cosine(), lambda o: rates.CosineAnnealingLR(o, 40)),
        (schedules.cosine(0.25), lambda o: rates.CosineAnnealingLR(o, 40, eta_min=0.25)),
        (schedules.linear(), lambda o: rates.LinearLR(o, 1.0, 0.0, total_iters=40)),
        (schedules.linear(0.1), lambda o: rates.LinearLR(o, 1.0, 0.1, total_iters=40)),
        (
            schedules.warm_up(10, schedules.cosine(0.1)),
            lambda o: warmed_up(o, 10, rates.CosineAnnealingLR(o, 30, eta_min=0.1)),
        ),
        (
            schedules.warm_up(5, schedules.step(10)),
            lambda o: warmed_up(o, 5, rates.StepLR(o, 10)),
        ),
    ],
)
def test_schedules(ours, theirs):
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)
    scheduler = theirs(optimizer)
    for t in range(40):
        (group,) = optimizer.param_groups
        assert ours(t, 40) == pytest.approx(group["lr"], rel=1e-12, abs=1e-12), t
        optimizer.step()
        scheduler.step()


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
