"""The loss family against PyTorch over its whole option space; skipped where it is not installed.

Where PyTorch gives nan for what has a meaning (0 times inf, ignored rows that hold nan), the tests
of the losses themselves say what is right; here are the options under which both are defined.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_xent as tx

torch = pytest.importorskip("torch")
F = torch.nn.functional
SHAPES = [(3,), (4, 3), (1, 2), (5, 1), (2, 3, 4), (2, 3, 2, 2), (2, 4, 1, 3, 2)]
REDUCTIONS = ["mean", "sum", "none"]
TIGHT = {np.float64: 1e-10, np.float32: 2e-4, np.float16: 2e-2}


def both(ours, theirs, arrays, *, orders=2, dtype=np.float64):
    """Value, gradients, and gradients of a random projection of them, from both."""
    rng = np.random.default_rng(1)
    a = [tx.Tensor(x, requires_grad=True) for x in arrays]
    b = [torch.tensor(x, requires_grad=True) for x in arrays]
    y, t = ours(*a), theirs(*b)
    assert y.shape == tuple(t.shape)
    assert y.dtype == t.detach().numpy().dtype
    close(y.numpy(), t, dtype)
    v = rng.uniform(0.5, 1.5, y.shape).astype(y.dtype)
    g = tx.grad(y, a, v, create_graph=orders > 1, allow_unused=True)
    h = torch.autograd.grad(
        t, b, torch.tensor(v), create_graph=orders > 1, allow_unused=True, materialize_grads=True
    )
    for x, z in zip(g, h, strict=True):
        close(x.numpy(), z, dtype)
    if orders > 1:
        us = [rng.normal(size=x.shape) for x in arrays]
        s = sum(tx.sum(x * tx.Tensor(u)) for x, u in zip(g, us, strict=True))
        r = sum((x * torch.tensor(u)).sum() for x, u in zip(h, us, strict=True))
        if r.requires_grad and s.requires_grad:
            g2 = tx.grad(s, a, allow_unused=True)
            h2 = torch.autograd.grad(r, b, allow_unused=True, materialize_grads=True)
            for x, z, like in zip(g2, h2, arrays, strict=True):
                close(np.zeros_like(like) if x is None else x.numpy(), z, dtype)


def close(ours, theirs, dtype):
    wanted = theirs.detach().numpy()
    scale = max(1.0, float(np.abs(wanted).max(initial=0)))
    np.testing.assert_allclose(ours, wanted, rtol=TIGHT[dtype], atol=TIGHT[dtype] * scale)


def logits_and_labels(shape, seed=0, scale=3.0):
    rng = np.random.default_rng(seed)
    classes = shape[0] if len(shape) == 1 else shape[1]
    outer = shape[1:] if len(shape) == 1 else shape[:1] + shape[2:]
    return rng.normal(0, scale, shape), rng.integers(0, classes, outer), classes, rng


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("eps", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [-100, 0, 1])
def test_cross_entropy_of_class_indices(shape, reduction, eps, weighted, ignore):
    z, y, classes, rng = logits_and_labels(shape)
    w = rng.uniform(-9, 9, classes) if weighted else None
    if ignore == -100 and y.size > 2:
        y.flat[1] = -100
    if reduction == "mean" and (y == ignore).all():
        y.flat[0] = (ignore + 1) % classes  # PyTorch's gradient is nan there, or 0
    if (y == ignore).all():
        return
    both(
        lambda t: tx.cross_entropy(
            t, y, weight=w, ignore_index=ignore, reduction=reduction, label_smoothing=eps
        ),
        lambda t: F.cross_entropy(
            t,
            torch.tensor(y),
            weight=None if w is None else torch.tensor(w),
            ignore_index=ignore,
            reduction=reduction,
            label_smoothing=eps,
        ),
        [z],
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("eps", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("normalised", [False, True])
def test_cross_entropy_of_probabilities(shape, reduction, eps, weighted, normalised):
    z, _, classes, rng = logits_and_labels(shape)
    p = rng.uniform(0, 1, shape)
    if normalised:
        p /= p.sum(axis=min(1, len(shape) - 1), keepdims=True)
    w = rng.uniform(-9, 9, classes) if weighted else None
    both(
        lambda t, p: tx.cross_entropy(t, p, weight=w, reduction=reduction, label_smoothing=eps),
        lambda t, p: F.cross_entropy(
            t,
            p,
            weight=None if w is None else torch.tensor(w),
            reduction=reduction,
            label_smoothing=eps,
        ),
        [z, p],
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("eps", [0.0, 0.2])
def test_cross_entropy_in_single_and_half_precision(dtype, reduction, weighted, eps):
    z, y, classes, rng = logits_and_labels((6, 4))
    w = rng.uniform(0.5, 2, classes).astype(dtype) if weighted else None
    both(
        lambda t: tx.cross_entropy(t, y, weight=w, reduction=reduction, label_smoothing=eps),
        lambda t: F.cross_entropy(
            t,
            torch.tensor(y),
            weight=None if w is None else torch.tensor(w),
            reduction=reduction,
            label_smoothing=eps,
        ),
        [z.astype(dtype)],
        orders=1,
        dtype=dtype,
    )


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple),
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([0.1, 1.0, 8.0]),
    reduction=st.sampled_from(REDUCTIONS),
    eps=st.sampled_from([0.0, 0.05, 0.9]),
    weighted=st.booleans(),
    kind=st.sampled_from(["indices", "rows"]),
)
def test_cross_entropy_over_generated_options(shape, seed, scale, reduction, eps, weighted, kind):
    z, y, classes, rng = logits_and_labels(shape, seed, scale)
    w = rng.uniform(0.1, 2, classes) if weighted else None
    options = {"reduction": reduction, "label_smoothing": eps}
    p = rng.uniform(0, 1, shape) if kind == "rows" else None
    both(
        lambda t, *p: tx.cross_entropy(t, p[0] if p else y, weight=w, **options),
        lambda t, *p: F.cross_entropy(
            t,
            p[0] if p else torch.tensor(y),
            weight=None if w is None else torch.tensor(w),
            **options,
        ),
        [z] if p is None else [z, p],
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [-100, 1])
def test_nll_loss(shape, reduction, weighted, ignore):
    z, y, classes, rng = logits_and_labels(shape)
    y.flat[0] = 0
    w = rng.uniform(0.5, 2, classes) if weighted else None
    both(
        lambda t: tx.nll_loss(t, y, weight=w, ignore_index=ignore, reduction=reduction),
        lambda t: F.nll_loss(
            t,
            torch.tensor(y),
            weight=None if w is None else torch.tensor(w),
            ignore_index=ignore,
            reduction=reduction,
        ),
        [z],
    )


@pytest.mark.parametrize("shape", [(), (3,), (4, 3), (2, 0), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("pos", [False, True])
def test_binary_cross_entropy_with_logits(shape, reduction, weighted, pos):
    if reduction == "mean" and 0 in shape:
        return
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 5, shape), rng.uniform(0, 1, shape)
    w = np.asarray(rng.uniform(0, 2, shape)) if weighted else None
    p = np.asarray(rng.uniform(0, 3, shape[-1:])) if pos else None
    both(
        lambda x, y: tx.binary_cross_entropy_with_logits(
            x, y, weight=w, pos_weight=p, reduction=reduction
        ),
        lambda x, y: F.binary_cross_entropy_with_logits(
            x,
            y,
            weight=None if w is None else torch.tensor(w),
            pos_weight=None if p is None else torch.tensor(p),
            reduction=reduction,
        ),
        [np.asarray(x), np.asarray(y)],
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy(reduction, weighted):
    rng = np.random.default_rng(0)
    q, y = rng.uniform(0.01, 0.99, (3, 4)), rng.uniform(0, 1, (3, 4))
    w = rng.uniform(0, 2, 4) if weighted else None
    both(
        lambda q, y: tx.binary_cross_entropy(q, y, weight=w, reduction=reduction),
        lambda q, y: F.binary_cross_entropy(
            q, y, weight=None if w is None else torch.tensor(w), reduction=reduction
        ),
        [q, y],
    )


def test_binary_cross_entropy_where_the_logarithm_is_cut_off():
    q, y = np.array([0.0, 1.0, 0.5, 0.0, 1.0]), np.array([1.0, 0.0, 0.3, 0.0, 1.0])
    ours, theirs = tx.Tensor(q, requires_grad=True), torch.tensor(q, requires_grad=True)
    a = tx.binary_cross_entropy(ours, y, reduction="none")
    b = F.binary_cross_entropy(theirs, torch.tensor(y), reduction="none")
    np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-12)
    a.sum().backward()
    b.sum().backward()
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-8)  # its 1e-12 is a float32


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div(shape, reduction, log_target):
    rng = np.random.default_rng(0)
    log_q, p = rng.normal(size=shape), rng.uniform(0.1, 1, shape)
    target = np.log(p) if log_target else p
    both(
        lambda q, p: tx.kl_div(q, p, reduction=reduction, log_target=log_target),
        lambda q, p: F.kl_div(q, p, reduction=reduction, log_target=log_target),
        [log_q, target],
    )


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.filterwarnings("ignore::tinygrad_xent.LikelyMistake")
@pytest.mark.parametrize("shapes", [((3, 4), (3, 4)), ((), ()), ((3, 1), (3,)), ((2, 3), (3,))])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_mse_loss(shapes, reduction, weighted):
    rng = np.random.default_rng(0)
    x, y = (np.asarray(rng.normal(size=shape)) for shape in shapes)
    if weighted and x.shape != y.shape:
        return
    w = np.asarray(rng.uniform(0, 2, x.shape)) if weighted else None
    both(
        lambda x, y: tx.mse_loss(x, y, reduction=reduction, weight=w),
        lambda x, y: F.mse_loss(
            x, y, reduction=reduction, weight=None if w is None else torch.tensor(w)
        ),
        [x, y],
    )


@pytest.mark.parametrize("var_shape", [(4, 3), (4,), (4, 1), (1, 3)], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("lowest", [0.0, 0.5])
def test_gaussian_nll_loss(var_shape, reduction, full, lowest):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    v = np.where(rng.uniform(size=var_shape) < 0.3, lowest, rng.uniform(0.5, 2, var_shape))
    both(
        lambda x, y, v: tx.gaussian_nll_loss(x, y, v, full=full, eps=1e-2, reduction=reduction),
        lambda x, y, v: F.gaussian_nll_loss(x, y, v, full=full, eps=1e-2, reduction=reduction),
        [x, y, v],
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("bias", [False, True])
def test_linear_cross_entropy(reduction, bias):
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    y = rng.integers(0, 3, 5)
    arrays = [x, w, b] if bias else [x, w]
    both(
        lambda x, w, b=None: tx.linear_cross_entropy(x, w, y, b, reduction=reduction),
        lambda x, w, b=None: F.linear_cross_entropy(
            x, w.T, torch.tensor(y), linear_bias=b, reduction=reduction
        ),
        arrays,
    )
