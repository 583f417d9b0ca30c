"""The derivatives of functions beside PyTorch's own."""

import numpy as np
import pytest

import tinygrad_xent as tx

torch = pytest.importorskip("torch")
functional = pytest.importorskip("torch.autograd.functional")

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

rng = np.random.default_rng(0)
A, B = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
X, Y = rng.normal(size=(2, 3)), rng.normal(size=(2,))
LABELS = np.array([1, 3])


def ours(x, y):
    return tx.tanh(x @ A.T).sum(axis=1) * y + tx.logsumexp(x, axis=1)


def theirs(x, y):
    return torch.tanh(x @ torch.tensor(A).T).sum(1) * y + torch.logsumexp(x, 1)


def our_loss(x, y):
    return tx.cross_entropy(tx.relu(x @ A.T) * y.reshape(2, 1), LABELS)


def their_loss(x, y):
    logits = torch.relu(x @ torch.tensor(A).T) * y.reshape(2, 1)
    return torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS))


def same(a, b):
    """Nested tuples alike."""
    if isinstance(b, tuple):
        assert isinstance(a, tuple)
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            same(one, other)
    else:
        assert a.dtype == b.numpy().dtype
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


POINT = (X, Y)
THEIRS = tuple(map(torch.tensor, POINT))
V = (rng.normal(size=X.shape), rng.normal(size=Y.shape))
THEIR_V = tuple(map(torch.tensor, V))


def test_jacobian():
    same(tx.jacobian(ours, POINT), functional.jacobian(theirs, THEIRS))
    one = lambda x: ours(x, Y)  # noqa: E731
    other = lambda x: theirs(x, torch.tensor(Y))  # noqa: E731
    same(tx.jacobian(one, X), functional.jacobian(other, torch.tensor(X)))


def test_hessian():
    same(tx.hessian(our_loss, POINT), functional.hessian(their_loss, THEIRS))


def test_vjp():
    u = rng.normal(size=2)
    same(tx.vjp(ours, POINT, u), functional.vjp(theirs, THEIRS, torch.tensor(u)))
    same(tx.vjp(our_loss, POINT), functional.vjp(their_loss, THEIRS))


def test_jvp():
    same(tx.jvp(ours, POINT, V), functional.jvp(theirs, THEIRS, THEIR_V))
    pushed = torch.func.jvp(theirs, THEIRS, THEIR_V)  # forward mode, another way to the same
    same(tx.jvp(ours, POINT, V), tuple(pushed))


def test_hvp():
    same(tx.hvp(our_loss, POINT, V), functional.hvp(their_loss, THEIRS, THEIR_V))


def test_value_and_grad():
    g, value = torch.func.grad_and_value(their_loss, argnums=(0, 1))(*THEIRS)
    same(tx.value_and_grad(our_loss, argnums=(0, 1))(*POINT), (value, g))


def test_third_derivatives():
    third = tx.jacobian(lambda x: tx.hessian(lambda x: our_loss(x, Y), x), X)
    loss = lambda x: their_loss(x, torch.tensor(Y))  # noqa: E731
    same(third, torch.func.jacrev(torch.func.hessian(loss))(torch.tensor(X)))


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks(create_graph):
    """Called with the same gradients in the same order, and replacing them in the same way."""
    seen = []

    def run(tensor, tanh, grad, plain):
        x = tensor([0.5, -1.0, 2.0])
        y = tanh(x)
        z = (y * y * x).sum()
        told = []
        y.register_hook(lambda g: told.append(("y", plain(g))))
        y.register_hook(lambda g: g * 2)
        y.register_hook(lambda g: told.append(("y twice", plain(g))))
        x.register_hook(lambda g: told.append(("x", plain(g))))
        x.register_hook(lambda g: -g)
        gone = x.register_hook(lambda g: g * 1000)
        gone.remove()
        (g,) = grad(z, x, create_graph=create_graph)
        if create_graph:
            (g,) = grad(g.sum(), x)
        z.backward()
        seen.append([*told, ("grad", plain(g)), ("x.grad", plain(x.grad))])

    def plain(g):
        return np.array(g.detach().numpy() if isinstance(g, (torch.Tensor, tx.Tensor)) else g)

    run(
        lambda data: torch.tensor(data, dtype=torch.float64, requires_grad=True),
        torch.tanh,
        lambda *a, **k: torch.autograd.grad(*a, retain_graph=True, **k),
        plain,
    )
    run(lambda data: tx.Tensor(data, requires_grad=True, dtype=np.float64), tx.tanh, tx.grad, plain)
    torchs, ours = seen
    assert [name for name, _ in torchs] == [name for name, _ in ours]
    for (_, a), (_, b) in zip(torchs, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-13)
