"""vjp, jvp, hvp, jacobian, hessian, value_and_grad: against closed forms and finite differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_xent as tx

X = np.array([0.5, -1.5, 2.0])


def finite_jacobian(f, x, h=1e-6):
    """Of a function of one float64 array that returns a Tensor, column by column."""
    columns = []
    for k in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[k] = h
        columns.append((f(tx.Tensor(x + e)).numpy() - f(tx.Tensor(x - e)).numpy()) / (2 * h))
    y = f(tx.Tensor(x)).numpy()
    if not columns:
        return np.zeros(y.shape + x.shape)
    return np.stack(columns, axis=-1).reshape(y.shape + x.shape)


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def test_the_jacobian_of_softmax():
    q = softmax(X)
    np.testing.assert_allclose(
        tx.jacobian(tx.softmax, X).numpy(), np.diag(q) - np.outer(q, q), atol=1e-15
    )


def test_the_hessian_of_the_fused_loss():
    z = np.stack([X, -X])
    got = tx.hessian(lambda z: tx.cross_entropy(z, [2, 0]), z).numpy()
    wanted = np.zeros((2, 3, 2, 3))
    for n in range(2):
        q = softmax(z[n])
        wanted[n, :, n, :] = (np.diag(q) - np.outer(q, q)) / 2
    np.testing.assert_allclose(got, wanted, atol=1e-15)


def test_products_equal_those_of_the_matrices():
    rng = np.random.default_rng(0)
    A, u, v = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=3)
    f = lambda x: tx.tanh(A @ x) * x.sum()  # noqa: E731
    y, pulled = tx.vjp(f, X, u)
    same, pushed = tx.jvp(f, X, v)
    J = tx.jacobian(f, X).numpy()
    np.testing.assert_allclose(J, finite_jacobian(f, X), atol=1e-8)
    np.testing.assert_allclose(pulled.numpy(), u @ J, rtol=1e-13)
    np.testing.assert_allclose(pushed.numpy(), J @ v, rtol=1e-13)
    np.testing.assert_array_equal(y.numpy(), same.numpy())
    np.testing.assert_array_equal(y.numpy(), np.tanh(A @ X) * X.sum())
    g = lambda x: tx.exp(f(x)).sum()  # noqa: E731
    value, product = tx.hvp(g, X, v)
    H = tx.hessian(g, X).numpy()
    np.testing.assert_allclose(product.numpy(), H @ v, rtol=1e-12)
    np.testing.assert_allclose(H, H.T, rtol=1e-12)
    assert value.item() == pytest.approx(np.exp(np.tanh(A @ X) * X.sum()).sum(), rel=1e-15)


def rational(x, y):
    return (x**2 * y[0]).sum() / y[1]


def test_several_arguments():
    x, y = X, np.array([3.0, 2.0])
    jx, jy = tx.jacobian(rational, (x, y))
    np.testing.assert_allclose(jx.numpy(), 3 * X, rtol=1e-15)
    np.testing.assert_allclose(jy.numpy(), [(X**2).sum() / 2, -3 * (X**2).sum() / 4], rtol=1e-15)
    (hxx, hxy), (hyx, hyy) = tx.hessian(rational, (x, y))
    s = (X**2).sum()
    np.testing.assert_allclose(hxx.numpy(), np.eye(3) * 3, rtol=1e-15)
    np.testing.assert_allclose(hxy.numpy(), np.stack([X, -3 * X / 2], axis=1), rtol=1e-15)
    np.testing.assert_allclose(hyx.numpy(), hxy.numpy().T, rtol=1e-15)
    np.testing.assert_allclose(hyy.numpy(), [[0, -s / 4], [-s / 4, 3 * s / 4]], rtol=1e-15)
    v, w = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.5])
    _, slope = tx.jvp(rational, (x, y), (v, w))
    assert slope.item() == pytest.approx(jx.numpy() @ v + jy.numpy() @ w, rel=1e-14)
    _, (px, py) = tx.hvp(rational, (x, y), (v, w))
    np.testing.assert_allclose(px.numpy(), hxx.numpy() @ v + hxy.numpy() @ w, rtol=1e-14)
    np.testing.assert_allclose(py.numpy(), hyx.numpy() @ v + hyy.numpy() @ w, rtol=1e-14)
    _, (gx, gy) = tx.vjp(rational, [tx.Tensor(x), y])  # a list of several is several, too
    np.testing.assert_array_equal(gx.numpy(), jx.numpy())
    np.testing.assert_array_equal(gy.numpy(), jy.numpy())


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x * 2,
        lambda x, y: tx.Tensor([1.0, 2.0, 3.0]),
        lambda x, y: tx.Tensor(np.arange(3)),
        lambda x, y: x.detach() * 2,
        lambda x, y: tx.sign(x),
    ],
)
def test_what_f_does_not_depend_on_has_zeros(f):
    y = np.ones((2, 2), np.float32)
    jx, jy = tx.jacobian(f, (X, y))
    assert (jx.shape, jy.shape, jx.dtype, jy.dtype) == ((3, 3), (3, 2, 2), X.dtype, y.dtype)
    np.testing.assert_array_equal(jy.numpy(), 0.0)
    _, (gx, gy) = tx.vjp(f, (X, y), X)
    assert (gx.shape, gy.shape) == ((3,), (2, 2))
    np.testing.assert_array_equal(gy.numpy(), 0.0)
    _, slope = tx.jvp(f, (X, y), (np.zeros(3), y))
    np.testing.assert_array_equal(slope.numpy(), np.zeros(3))
    total = lambda x, y: tx.sum(f(x, y) * 1.0)  # noqa: E731
    np.testing.assert_array_equal(tx.hvp(total, (X, y), (X, y))[1][0].numpy(), np.zeros(3))
    for row in tx.hessian(total, (X, y)):
        for block in row:
            np.testing.assert_array_equal(block.numpy(), 0.0)


def test_linear_functions_have_no_curvature():
    np.testing.assert_array_equal(tx.hessian(lambda x: (3 * x).sum(), X).numpy(), np.zeros((3, 3)))
    np.testing.assert_array_equal(tx.hvp(tx.sum, X, X)[1].numpy(), np.zeros(3))
    np.testing.assert_array_equal(tx.jacobian(lambda x: x, X).numpy(), np.eye(3))


def test_any_order_by_nesting():
    cube = lambda x: x**3  # noqa: E731
    first = lambda x: tx.jacobian(cube, x)  # noqa: E731
    second = lambda x: tx.jacobian(first, x)  # noqa: E731
    diagonal = np.zeros((3, 3, 3))
    third = np.zeros((3, 3, 3, 3))
    for k in range(3):
        diagonal[k, k, k], third[k, k, k, k] = 6 * X[k], 6.0
    np.testing.assert_allclose(second(X).numpy(), diagonal, rtol=1e-14)
    np.testing.assert_allclose(tx.jacobian(second, X).numpy(), third, rtol=1e-14)
    total = lambda x: cube(x).sum()  # noqa: E731
    np.testing.assert_allclose(
        tx.jacobian(lambda x: tx.hessian(total, x), X).numpy(), third.sum(axis=-1)
    )
    slope = lambda x: tx.value_and_grad(total)(x)[1]  # noqa: E731
    np.testing.assert_allclose(tx.jacobian(slope, X).numpy(), np.diag(6 * X), rtol=1e-14)
    along = lambda x: tx.jvp(cube, x, [1.0, 1.0, 1.0])[1]  # noqa: E731
    np.testing.assert_allclose(tx.jacobian(along, X).numpy(), np.diag(6 * X), rtol=1e-14)
    curved = lambda x: tx.hvp(total, x, [1.0, 1.0, 1.0])[1]  # noqa: E731
    np.testing.assert_allclose(tx.jacobian(curved, X).numpy(), 6 * np.eye(3), rtol=1e-14)


def test_jvp_in_the_vector_has_a_derivative_too():
    by_v = lambda v: tx.jvp(lambda x: x**3, X, v)[1]  # noqa: E731
    np.testing.assert_allclose(tx.jacobian(by_v, X).numpy(), np.diag(3 * X**2), rtol=1e-14)
    by_u = lambda u: tx.vjp(lambda x: x**3, X, u)[1]  # noqa: E731
    np.testing.assert_allclose(tx.jacobian(by_u, X).numpy(), np.diag(3 * X**2), rtol=1e-14)


def test_mixed_derivatives_through_a_closure():
    w = np.array([2.0, 3.0, 4.0])
    mixed = tx.jacobian(lambda w: tx.jacobian(lambda x: (w * x**2).sum(), X), w)
    np.testing.assert_allclose(mixed.numpy(), np.diag(2 * X), rtol=1e-15)


def test_what_f_has_of_x_from_elsewhere_is_held_fixed():
    """d/da of a·x at a = x is x, and its derivative with respect to x as a whole is 1."""
    x = tx.Tensor(3.0, requires_grad=True)
    assert tx.jacobian(lambda a: a * x, x).item() == 3.0
    assert tx.jacobian(lambda x: tx.jacobian(lambda a: a * x, x), 3.0).item() == 1.0


def test_a_gradient_that_f_itself_takes_is_recorded():
    def squared_slope(x):
        leaf = tx.Tensor(2.0, requires_grad=True)
        (g,) = tx.grad(leaf**2 * x.sum(), leaf)  # 4 Σx
        return g**2

    np.testing.assert_allclose(
        tx.jacobian(squared_slope, X).numpy(), np.full(3, 2 * 16 * X.sum()), rtol=1e-6
    )

    def constant_slope(x):
        total = (x**2).sum()
        with tx.no_grad():
            (g,) = tx.grad(total, x)
        return (g * x).sum()

    np.testing.assert_allclose(tx.jacobian(constant_slope, X).numpy(), 2 * X, rtol=1e-15)
    x = tx.Tensor(2.0, requires_grad=True)
    assert not tx.grad(x**2, x)[0].requires_grad  # outside, as ever


def test_create_graph_lets_results_be_differentiated():
    w = tx.Tensor(X, requires_grad=True)
    f = lambda x: (w * x**3).sum()  # noqa: E731
    for create in (False, True):
        results = [
            tx.jacobian(f, X, create_graph=create),
            tx.hessian(f, X, create_graph=create),
            *tx.vjp(f, X, create_graph=create),
            *tx.jvp(f, X, X, create_graph=create),
            *tx.hvp(f, X, X, create_graph=create),
            *tx.value_and_grad(f, create_graph=create)(X),
        ]
        assert [r.requires_grad for r in results] == [create] * 10
    with tx.no_grad():
        slope = tx.jacobian(f, X, create_graph=True)
    slope.sum().backward()
    np.testing.assert_allclose(w.grad, 3 * X**2, rtol=1e-15)
    x = tx.Tensor(X, requires_grad=True)
    tx.hvp(lambda x: (x**4).sum(), x * 2, X, create_graph=True)[1].sum().backward()  # 12 (2x)² v
    np.testing.assert_allclose(x.grad, 12 * 8 * X * X, rtol=1e-14)


def test_nothing_of_the_users_is_touched():
    x = tx.Tensor(X, requires_grad=True)
    w = tx.Tensor(X, requires_grad=True)
    with tx.no_grad():
        y = tx.jacobian(lambda x: x * w, x)
        assert not tx.is_grad_enabled()
    tx.hessian(lambda x: (x * w * x).sum(), x)
    assert (x.grad, w.grad, y.requires_grad, y.op) == (None, None, False, None)
    x.data[0] = 7.0
    np.testing.assert_array_equal(y.numpy(), np.diag(X))


def test_value_and_grad():
    def loss(x, labels, *, scale):
        assert isinstance(labels, list)
        return tx.cross_entropy(x, labels) * scale

    z = np.stack([X, -X])
    value, g = tx.value_and_grad(loss)(z, [2, 0], scale=2.0)
    p = np.array([softmax(X), softmax(-X)])
    assert value.item() == pytest.approx(-np.log(p[0, 2]) - np.log(p[1, 0]), rel=1e-14)
    np.testing.assert_allclose(g.numpy(), p - [[0, 0, 1], [1, 0, 0]], atol=1e-15)
    product = lambda a, b, c: (a * b * c).sum()  # noqa: E731
    value, (gc, ga) = tx.value_and_grad(product, argnums=(2, 0))(X, 2 * X, 3.0)
    assert (value.item(), gc.item()) == (6 * (X * X).sum(), 2 * (X * X).sum())
    np.testing.assert_array_equal(ga.numpy(), 6 * X)
    (g,) = tx.value_and_grad(product, argnums=(-1,))(X, X, 3.0)[1]
    assert g.item() == pytest.approx((X * X).sum())
    model = tx.nn.Linear(3, 1)
    _, g = tx.value_and_grad(lambda x: model(x).sum())(X.reshape(1, 3).astype(np.float32))
    np.testing.assert_array_equal(g.numpy(), model.weight.numpy().T)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1.0, 2.0], np.float32),
        ([1, 2], np.float32),
        (np.arange(2), np.float32),
        (np.ones(2), np.float64),
        (np.ones(2, np.float16), np.float16),
        (tx.Tensor(np.ones(2)), np.float64),
        (tx.Tensor(np.arange(2)), np.float32),
        (2.0, np.float32),
    ],
)
def test_dtypes(data, dtype):
    f = lambda x: (x**2).sum()  # noqa: E731
    results = [
        tx.jacobian(f, data),
        tx.hessian(f, data),
        *tx.vjp(f, data, 1.0),
        *tx.jvp(f, data, data),
        *tx.hvp(f, data, data),
        *tx.value_and_grad(f)(data),
    ]
    assert [r.dtype for r in results] == [dtype] * 10


def test_labels_held_by_a_closure_and_integer_results():
    labels = np.array([1, 0])
    f = lambda z: tx.cross_entropy(z, labels, reduction="none")  # noqa: E731
    z = np.stack([X, -X])
    np.testing.assert_allclose(tx.jacobian(f, z).numpy(), finite_jacobian(f, z), atol=1e-9)
    positions = tx.jacobian(lambda x: tx.Tensor(x.argsort()), X)
    np.testing.assert_array_equal(positions.numpy(), np.zeros((3, 3)))


@given(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3), st.integers(0, 2**32 - 1))
def test_shapes_of_any_kind(shape, seed):
    rng = np.random.default_rng(seed)
    x, v = rng.uniform(0.5, 1.5, shape), rng.normal(size=shape)
    f = lambda x: tx.stack([tx.sin(x), x * x.sum()])  # noqa: E731
    J = tx.jacobian(f, x).numpy()
    assert J.shape == (2, *shape, *shape)
    np.testing.assert_allclose(J, finite_jacobian(f, x), atol=1e-7)
    u = rng.normal(size=(2, *shape))
    np.testing.assert_allclose(
        tx.vjp(f, x, u)[1].numpy(), np.tensordot(u, J, u.ndim), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(
        tx.jvp(f, x, v)[1].numpy(), np.tensordot(J, v, v.ndim), rtol=1e-9, atol=1e-12
    )
    total = lambda x: (f(x) ** 2).sum()  # noqa: E731
    H = tx.hessian(total, x).numpy()
    assert H.shape == shape + shape
    slope = lambda x: tx.jacobian(total, x)  # noqa: E731
    np.testing.assert_allclose(H, finite_jacobian(slope, x), atol=1e-5)
    np.testing.assert_allclose(
        tx.hvp(total, x, v)[1].numpy(), np.tensordot(H, v, v.ndim), rtol=1e-9, atol=1e-10
    )


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: tx.hessian(lambda x: x, X), RuntimeError, r"hessian: f returned shape \(3,\)"),
        (lambda: tx.hvp(lambda x: x, X, X), RuntimeError, r"hvp: .*wanted a scalar"),
        (lambda: tx.vjp(lambda x: x, X), RuntimeError, r"vjp: .*wanted a scalar"),
        (lambda: tx.value_and_grad(lambda x: x)(X), RuntimeError, "value_and_grad: .*a scalar"),
        (lambda: tx.vjp(lambda x: x, X, 1.0), ValueError, r"vjp: v has shape \(\); wanted \(3,\)"),
        (lambda: tx.jvp(lambda x: x, X, [1.0]), ValueError, r"jvp: v has shape \(1,\); wanted"),
        (lambda: tx.jvp(rational, (X, X), X), ValueError, "jvp: v has 3 parts; wanted 2"),
        (lambda: tx.jacobian(lambda x: 1.0, X), TypeError, "jacobian: f returned a float"),
        (lambda: tx.jacobian(lambda x: (x, x), X), TypeError, "returned a tuple; wanted one"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
    assert not tx.backprop._inside.get()


def test_an_error_in_f_leaves_no_trace():
    x = tx.Tensor(2.0, requires_grad=True)
    with pytest.raises(ZeroDivisionError):
        tx.jacobian(lambda x: 1 / 0, x)
    assert not tx.grad(x * x, x)[0].requires_grad


def test_a_gradient_can_be_differentiated_with_respect_to_its_weights():
    """The vjp is linear in its weights: its derivative with respect to them is the Jacobian."""
    x = tx.Tensor(X, requires_grad=True)
    u = tx.Tensor(np.ones(3, np.float32), requires_grad=True)  # cast on the way
    (g,) = tx.grad(x**3, x, u, create_graph=True)
    (slope,) = tx.grad(g, u, X)
    np.testing.assert_allclose(slope.numpy(), 3 * X**2 * X, rtol=1e-6)
    assert slope.dtype == np.float32
    (same,) = tx.grad(x, x, u, create_graph=True)
    assert tx.grad(same.sum(), u)[0].numpy().tolist() == [1.0, 1.0, 1.0]
