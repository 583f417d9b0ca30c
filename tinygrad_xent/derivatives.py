"""Derivatives of functions: what comes of reading one rule twice.

Every function here takes f first, then the point, then vectors. The point `xs` is one array, Tensor
or list, or a tuple (or list) of several arrays and Tensors; f takes as many Tensors and returns
one. For a tuple the results are tuples, and those of two derivatives tuples of tuples.

With ``create_graph=True`` the results can be differentiated again. Inside a function that is being
differentiated here, that is always so: ``jacobian(lambda x: jacobian(f, x), x)`` is right as it
stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import ops
from .backprop import _inside, grad
from .tensor import Tensor
from .value import enable_grad, is_grad_enabled

Function = Callable[..., Any]
Tensors = tuple[Tensor, ...]


def value_and_grad(
    f: Function, argnums: int | tuple[int, ...] = 0, *, create_graph: bool = False
) -> Callable[..., tuple[Tensor, Any]]:
    """The function that returns f's value, a scalar, and its gradient at the same arguments.

    Parameters
    ----------
    f
        Takes anything; its arguments are handed on as they are, except those of `argnums`.
    argnums
        Which argument to differentiate with respect to; a tuple gives a tuple of gradients.
    create_graph
        Let value and gradient be differentiated again.

    Raises
    ------
    RuntimeError
        If f's value is not a scalar.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> loss = lambda w, x: ((w * x) ** 2).sum()
    >>> tx.value_and_grad(loss)([1.0, 2.0], [3.0, 1.0])     # 2 w x²
    (Tensor(13.), Tensor([18.,  4.]))
    """
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def with_gradient(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        def of_wanted(*xs: Tensor) -> Any:
            arguments = list(args)
            for k, x in zip(wanted, xs, strict=True):
                arguments[k] = x
            return f(*arguments, **kwargs)

        chosen = tuple(args[k] for k in wanted)
        y, points, record = _at("value_and_grad", of_wanted, chosen, create_graph)
        grads = _gradients(_scalar("value_and_grad", y), points, None, record)
        return _kept(y, record), grads[0] if isinstance(argnums, int) else grads

    return with_gradient


def vjp(f: Function, xs: Any, v: Any = None, *, create_graph: bool = False) -> tuple[Tensor, Any]:
    """The value of f, and the product vᵀJ of a vector with its Jacobian: one backward walk.

    `v` has the shape of f's value; it may be left out if that is a scalar. The product has the
    shape of `xs`. `create_graph` as for `value_and_grad`.

    Raises
    ------
    ValueError
        If `v` has another shape.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> tx.vjp(lambda x: x**2, [1.0, 2.0, 3.0], [1.0, 0.0, 1.0])    # v ⊙ 2 x
    (Tensor([1., 4., 9.]), Tensor([2., 0., 6.]))
    """
    y, points, record = _at("vjp", f, xs, create_graph)
    weights = None if v is None else _vector("vjp", v, y, record)
    if v is None:
        _scalar("vjp", y)
    return _kept(y, record), _like(xs, _gradients(y, points, weights, record))


def jvp(f: Function, xs: Any, v: Any, *, create_graph: bool = False) -> tuple[Tensor, Any]:
    """The value of f, and the product Jv of its Jacobian with a vector: the slope along `v`.

    `v` has the shape of `xs`, the product that of f's value. Two backward walks, none forward:
    uᵀJ is linear in u, and its derivative with respect to u, along v, is Jv. `create_graph` as for
    `value_and_grad`.

    Raises
    ------
    ValueError
        If `v` has another shape.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> tx.jvp(lambda x: (x**2).sum(), [1.0, 2.0], [1.0, 0.5])      # 2·1·1 + 2·2·0.5
    (Tensor(5.), Tensor(4.))
    """
    y, points, record = _at("jvp", f, xs, create_graph)
    u = Tensor(np.ones(y.shape), requires_grad=True, dtype=_floating(y))
    with enable_grad():
        along_v = _inner("jvp", xs, _gradients(y, points, u, True), v, points, record)
        (product,) = _gradients(along_v, (u,), None, record)
    return _kept(y, record), product


def hvp(f: Function, xs: Any, v: Any, *, create_graph: bool = False) -> tuple[Tensor, Any]:
    """The value of f, a scalar, and the product Hv of its Hessian with a vector.

    `v` and the product have the shape of `xs`. H itself is never formed: Hv is the gradient of the
    inner product of f's gradient and v. `create_graph` as for `value_and_grad`.

    Raises
    ------
    RuntimeError
        If f's value is not a scalar.
    ValueError
        If `v` has another shape.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> tx.hvp(lambda x: (x**3).sum(), [1.0, 2.0], [1.0, 10.0])     # 6 x ⊙ v
    (Tensor(9.), Tensor([  6., 120.]))
    """
    y, points, record = _at("hvp", f, xs, create_graph)
    with enable_grad():
        slopes = _gradients(_scalar("hvp", y), points, None, True)
        along_v = _inner("hvp", xs, slopes, v, points, record)
        products = _gradients(along_v, points, None, record)
    return _kept(y, record), _like(xs, products)


def jacobian(f: Function, xs: Any, *, create_graph: bool = False) -> Any:
    """Every derivative of f's value y with respect to x, of shape ``y.shape + x.shape``.

    One backward walk per element of y over one recorded graph. For several `xs`, a tuple;
    `create_graph` as for `value_and_grad`.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> tx.jacobian(lambda x: x * x.sum(), [1.0, 2.0])              # δᵢⱼ Σx + xᵢ
    Tensor([[4., 1.],
            [2., 5.]])
    """
    y, points, record = _at("jacobian", f, xs, create_graph)
    return _like(xs, _rows(y, points, record))


def hessian(f: Function, xs: Any, *, create_graph: bool = False) -> Any:
    """Every second derivative of f, whose value is a scalar, of shape ``x.shape + x.shape``.

    For several xs a tuple of tuples, whose entry [i][j] has shape ``xs[i].shape + xs[j].shape``.
    `create_graph` as for `value_and_grad`.

    Raises
    ------
    RuntimeError
        If f's value is not a scalar.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> tx.hessian(lambda x: x[0] ** 2 * x[1], [3.0, 5.0])          # 2 x₁, 2 x₀; 2 x₀, 0
    Tensor([[10.,  6.],
            [ 6.,  0.]])
    """
    y, points, record = _at("hessian", f, xs, create_graph)
    slopes = _gradients(_scalar("hessian", y), points, None, True)
    return _like(xs, tuple(_like(xs, _rows(slope, points, record)) for slope in slopes))


def _at(name: str, f: Function, xs: Any, create_graph: bool) -> tuple[Tensor, Tensors, bool]:
    """The value of f, the Tensors it was computed at, and whether to record what follows."""
    record = create_graph or (_inside.get() and is_grad_enabled())
    with enable_grad(), _differentiating():
        points = tuple(_point(x, record) for x in (xs if _are_several(xs) else (xs,)))
        y = f(*points)
    if not isinstance(y, Tensor):
        raise TypeError(f"{name}: f returned a {type(y).__name__}; wanted one Tensor")
    return y, points, record


@contextmanager
def _differentiating() -> Iterator[None]:
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


def _are_several(xs: Any) -> bool:
    several = isinstance(xs, list) and any(isinstance(x, (Tensor, np.ndarray)) for x in xs)
    return isinstance(xs, tuple) or several


def _point(x: Any, record: bool) -> Tensor:
    """A Tensor of its own: what f gets of it from elsewhere is held fixed."""
    if record and isinstance(x, Tensor) and x.requires_grad:
        same: Tensor = ops.reshape(x, x.shape)
        return same
    return Tensor(x, requires_grad=True)


def _scalar(name: str, y: Tensor) -> Tensor:
    if y.size != 1:
        raise RuntimeError(f"{name}: f returned shape {y.shape}; wanted a scalar")
    return y


def _vector(name: str, v: Any, x: Tensor, record: bool) -> Tensor:
    """The vector as a Tensor of x's shape and dtype."""
    given = v if isinstance(v, Tensor) else Tensor(v, dtype=_floating(x))
    if given.shape != x.shape:
        raise ValueError(f"{name}: v has shape {given.shape}; wanted {x.shape}")
    cast: Tensor = given if given.dtype == _floating(x) else given.astype(_floating(x))
    return cast if record else cast.detach()


def _floating(x: Tensor) -> Any:
    return x.dtype if x.dtype.kind == "f" else None


def _inner(
    name: str, xs: Any, slopes: Sequence[Tensor], v: Any, points: Tensors, record: bool
) -> Any:
    """Σ slopes ⊙ v over all points."""
    vs = tuple(v) if _are_several(xs) else (v,)
    if len(vs) != len(points):
        raise ValueError(f"{name}: v has {len(vs)} parts; wanted {len(points)}, one for each x")
    total: Any = 0.0
    for slope, part, x in zip(slopes, vs, points, strict=True):
        total = total + ops.sum(slope * _vector(name, part, x, record))
    return total


def _gradients(y: Tensor, points: Tensors, weights: Any, record: bool) -> Tensors:
    """The gradient at each point; zeros where y does not depend on it."""
    found: Any = (None,) * len(points)
    if y.requires_grad:
        found = grad(y, points, weights, create_graph=record, allow_unused=True)
    return tuple(
        Tensor(np.zeros(x.shape, x.dtype)) if g is None else g
        for g, x in zip(found, points, strict=True)
    )


def _rows(y: Tensor, points: Tensors, record: bool) -> Tensors:
    """The Jacobian of y at each point, one backward walk for each element of y."""
    rows: list[list[Tensor]] = [[] for _ in points]
    for k in range(y.size):
        unit = np.zeros(y.size)
        unit[k] = 1
        for gathered, g in zip(
            rows, _gradients(y, points, unit.reshape(y.shape), record), strict=True
        ):
            gathered.append(g)
    with enable_grad():
        return tuple(
            ops.reshape(ops.stack(r), y.shape + x.shape)
            if r
            else Tensor(np.zeros(y.shape + x.shape, x.dtype))
            for r, x in zip(rows, points, strict=True)
        )


def _kept(y: Tensor, record: bool) -> Tensor:
    return y if record else y.detach()


def _like(xs: Any, results: tuple[Any, ...]) -> Any:
    """One result for one x, a tuple for several."""
    return results if _are_several(xs) else results[0]
