"""The backward pass: steps(), the only backward walk, and order(), what a graph consists of.

`backward()` and `grad()` are two short readers of `steps()`; the drawing and the explanation are
others. Because they all read the same walk, no picture can disagree with the arithmetic.
"""

from __future__ import annotations

import functools
import operator
import weakref
from _thread import RLock, _local  # as functools does: threading takes a millisecond to load
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from heapq import heappop, heappush
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .hooks import Hooks, hooked, noted
from .op import Op
from .value import (
    HOOKED,
    KEEPS_GRAD,
    SEED,
    WALKED,
    Array,
    Listener,
    Value,
    _listeners,
    _numbers,
    as_array,
    called,
    cast,
    copied,
    enable_grad,
    is_grad_enabled,
    known,
    last_walk,
    no_grad,
    places,
)

V = TypeVar("V", bound=Value)
NO_AXES: tuple[int, ...] = ()
NOTHING: Any = ()  # what a leaf sends
FIRST_AXIS = (0,)
ndarray = np.ndarray
newness = operator.attrgetter("number")

_last_root: list[Any] = [lambda: None]  # a weak reference, of whichever thread
_in_this_thread = _local()
_adding = RLock()  # to a .grad, which several threads may do

# Whether we are inside a function that `derivatives` is differentiating: a gradient that it takes
# must be recorded, or its own derivative would silently be 0.
_inside = ContextVar("inside", default=False)


Sent = tuple[int, Any, Any, tuple[int, ...]]


class Step(NamedTuple):
    """One step of the walk: a value, its finished gradient and what it sends on.

    `sent` has one entry per input that needs a gradient, ``(i, term, raw, summed)``: to input
    number i goes `term`, of that input's shape. `raw` is what the rule returned, and `summed` the
    axes of it over which the walk summed, because forward had broadcast the input along them.
    """

    value: Any
    gradient: Any
    sent: list[Sent]


def order(*roots: Value) -> list[Any]:
    """Every value that the roots depend on, each once, newest first.

    An op's result is newer than its inputs, so this is a topological order: when the walk comes to
    a value, everything that was made of it is done, and its gradient is complete.
    """
    values: list[Any] = list(dict.fromkeys(roots))
    found = {root.number for root in roots}
    for value in values:  # which grows meanwhile
        for x in value.inputs:
            if isinstance(x, Value):
                number = x.number
                if number not in found:
                    found.add(number)
                    values.append(x)
    values.sort(key=newness, reverse=True)
    return values


def steps(
    root: Value,
    gradient: Any,
    targets: Sequence[Value] | None = None,
    hooks: Hooks | None = None,
) -> Iterator[Step]:
    """Walk backward from `root`, whose gradient is given, and yield a Step per value.

    Gradients are arrays if `gradient` is one; if it is a Value, the rules are read with Values and
    the gradients can be differentiated again. With `targets`, only what leads to them is computed.
    `hooks` stands in for calling those that were registered: a drawing must not call them again.
    Each value's terms are added in a fixed order, so that a result is reproducible to the last bit.
    """
    return map(Step._make, _walk(root, gradient, targets, hooks or hooked))


def _walk(
    root: Value,
    gradient: Any,
    targets: Sequence[Value] | None,
    hooks: Hooks,
    every: bool = True,
) -> Iterator[tuple[Any, Any, list[Sent]]]:
    """The steps as plain tuples: making a Step takes as long as adding a small array.

    Next comes the newest value that has a gradient, as in `order`: what was made of it is newer, so
    all its terms have come. If not `every` one is wanted, leaves and values with notes are told.
    """
    wanted = None if targets is None else _leading_to(targets, order(root))
    as_values = isinstance(gradient, Value)
    waiting = {root.number: [root, gradient]}  # by number: the value, the sum of its terms so far
    newest = [-root.number]  # the same numbers as a heap; negative, as a heap gives its least first
    while newest:
        value, g = waiting.pop(-heappop(newest))
        tell = every
        if value._notes is not None:
            g = hooks(root, value, g)
            tell = True
        op = value._op
        if op is None:
            yield value, g, NOTHING
            continue
        sent: list[Sent] = []
        made, rules, variadic = value._made, op.rules, op.variadic
        numbers, recorded = op._places or places(len(made) // 2)
        arrays = made[recorded]
        given = (op, g) + (_recorded_values(value) if as_values else arrays)  # to each of the rules
        for i in numbers:
            x = made[i]
            if not (isinstance(x, Value) and x._needs_grad):
                continue
            number = x.number
            if wanted is not None and number not in wanted:
                continue
            raw = op.vjp(i, *given[1:]) if variadic else rules[i](*given)
            array = arrays[i + 1]
            term, summed = raw, NO_AXES
            try:
                fits = raw.shape == array.shape and raw.dtype is array.dtype
            except AttributeError:
                fits = False  # no array at all; `_fit` says so
            if not fits:
                term, summed = _fit(raw, array, op, i)
            if tell:
                sent.append((i, term, raw, summed))
            earlier = waiting.get(number)
            if earlier is None:
                waiting[number] = [x, term]
                heappush(newest, -number)
            else:
                earlier[1] = earlier[1] + term
        if tell:
            yield value, g, sent


def _told(
    walk: Iterator[tuple[Any, Any, list[Sent]]], listeners: tuple[Listener, ...]
) -> Iterator[tuple[Any, Any, list[Sent]]]:
    """The walk, of which those who listen are told."""
    for taken in walk:
        for listener in listeners:
            listener.walked(Step._make(taken))
        yield taken


def _leading_to(targets: Sequence[Value], values: list[Any]) -> set[int]:
    """The numbers of the values whose gradient is needed to reach a target."""
    leading = {target.number for target in targets}
    for value in reversed(values):
        if any(isinstance(x, Value) and x.number in leading for x in value.inputs):
            leading.add(value.number)
    return leading


def _recorded_values(value: Value) -> tuple[Any, ...]:
    """What the rules are given, ``(y, *inputs)``, as Values where derivatives should flow through
    them.

    A Value whose array has been replaced since forward is refused: the rule would differentiate at
    the new array what was computed with the old one.
    """
    recorded = []
    for x, array in zip((value, *value.inputs), value.recorded, strict=True):
        if not isinstance(x, Value) or not x._needs_grad:
            recorded.append(array)
        elif x._array is array or known(np.array_equal(x._array, array, equal_nan=True)):
            recorded.append(x)
        else:
            raise RuntimeError(
                f"create_graph: the data of {called(x)} was changed after {called(value)} was "
                "computed from it; differentiate before the update, or compute again after it"
            )
    return tuple(recorded)


def _fit(raw: Any, array: Array, op: Op, i: int) -> tuple[Any, tuple[int, ...]]:
    """A rule's result in the shape and dtype of its input: broadcasting is undone here only."""
    shape, dtype = array.shape, array.dtype
    plain = type(raw) is ndarray
    an_array = plain or isinstance(raw, ndarray)  # as tracers say they are
    if an_array and raw.ndim == 2 and raw.shape[1:] == shape and len(raw) <= 1024:
        # Rows that shared a bias. NumPy's own sum would add row after row; a product with ones is
        # faster and keeps more digits.
        ones = _ones(len(raw), raw.dtype)
        total = ones.dot(raw) if plain else np.dot(ones, raw)
        return total if total.dtype is dtype else total.astype(dtype), FIRST_AXIS
    if not hasattr(raw, "shape"):
        got = type(raw).__name__
        raise TypeError(f"{op.name}.vjp_{op.argument(i)}: returned a {got}, wanted an array")
    extra = len(raw.shape) - len(shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, raw.shape[extra:], strict=True)):
        raise ValueError(
            f"{op.name}.vjp_{op.argument(i)}: returned shape {raw.shape}, wanted {shape}, "
            "the argument's own"
        )
    stretched = [k for k, n in enumerate(shape, extra) if n != raw.shape[k]]
    summed = (*range(extra), *stretched)
    if summed and an_array:  # a million float32 rows would lose the third digit
        raw = raw.sum(axis=summed, dtype=np.float64).reshape(shape)
    elif summed:
        raw = raw.sum(axis=summed).reshape(shape)
    return (raw if raw.dtype == dtype else raw.astype(dtype)), summed


@functools.lru_cache(maxsize=64)
def _ones(n: int, dtype: Any) -> Array:
    ones = np.ones(n, dtype)
    ones.flags.writeable = False
    return ones


def _seed(root: Value, gradient: Any, caller: str) -> Any:
    """The gradient to start from: as given, or 1 for a scalar."""
    if not root._needs_grad:
        raise RuntimeError(
            f"{caller}: {called(root)} needs no gradient: nothing it was computed from has "
            "requires_grad=True, or it was computed under no_grad"
        )
    shape, dtype = root._array.shape, root._array.dtype
    if gradient is None:
        if root._array.size != 1:
            raise RuntimeError(
                f"{caller}: {called(root)} is not a scalar; take .sum() or .mean() first, or pass "
                f"gradient=, an array of shape {shape}: what each element is worth"
            )
        return dtype.type(1) if not shape else np.ones(shape, dtype)
    seed = copied(gradient._array if isinstance(gradient, Value) else gradient, dtype)
    if seed.shape != shape:
        raise ValueError(
            f"{caller}: gradient has shape {seed.shape}, wanted {shape}, that of the output"
        )
    return seed


def _as_value(seed: Any, gradient: Any, kind: type[Value]) -> Any:
    """The seed to be differentiated through: the Value that was given, where one was."""
    given = isinstance(gradient, Value)
    return cast(gradient, seed.dtype) if given else kind.wrap(as_array(seed))


def backward(root: Value, gradient: Any = None, *, retain_grads: bool = False) -> None:
    """Add the gradient of `root` to the ``.grad`` of every leaf that needs one.

    Values in between keep theirs if `retain_grads` is set, or where `Tensor.retain_grad` was
    called. The graph stays: a second call adds the same gradients again, so every ``.grad`` exactly
    doubles. If a rule or a hook raises, no ``.grad`` has been touched.

    Raises
    ------
    RuntimeError
        If `root` needs no gradient, or is not a scalar and no `gradient` is given.
    ValueError
        If `gradient` does not have the shape of `root`.
    """
    seed = _seed(root, gradient, "backward")
    if root._notes is not None:
        root._notes.pop(HOOKED, None)
    listeners = _listeners()
    walk = _walk(root, seed, None, noted, every=retain_grads or bool(listeners))
    kept = [
        (value, g)
        for value, g, _ in (_told(walk, listeners) if listeners else walk)
        if value._op is None or retain_grads or (value._notes and KEEPS_GRAD in value._notes)
    ]
    with _adding:  # once the walk is done: if a rule or a hook raises, no .grad is touched
        for value, g in kept:
            earlier = value._kept
            value._kept = (g if earlier is None else earlier[0] + g), False
            for listener in listeners:
                listener.kept(value, earlier and earlier[0])
    last_walk[0] = now = next(_numbers)
    root._note(WALKED, now)
    root._note(SEED, None if gradient is None else seed.copy())  # for those who draw the walk
    _last_root[0] = _in_this_thread.root = weakref.ref(root)


def last_root() -> Any:
    """What backward() was last called on in this thread, or in any, if it is still there."""
    return getattr(_in_this_thread, "root", _last_root[0])()


def grad(
    output: V,
    inputs: V | Iterable[V],
    gradient: Any = None,
    *,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[V, ...]:
    """The gradients of `output` with respect to `inputs`, as Tensors; no ``.grad`` is touched.

    Parameters
    ----------
    output
        A scalar, or any shape with `gradient` given, the weight of each element.
    inputs
        One Tensor or several; they may be leaves or stand anywhere in the graph.
    create_graph
        Record the gradients, so that they can be differentiated again; also with respect to
        `gradient`, if that is a Tensor which needs one. Inside a function that `jacobian` or its
        kin differentiates, that is always done.
    allow_unused
        Return None for an input that `output` does not depend on, instead of raising.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor(2.0, requires_grad=True)
    >>> (slope,) = tx.grad(x**3, x, create_graph=True)   # 3 x²
    >>> (curvature,) = tx.grad(slope, x)                 # 6 x
    >>> slope.item(), curvature.item()
    (12.0, 12.0)
    """
    targets = [inputs] if isinstance(inputs, Value) else list(inputs)
    seed: Any = _seed(output, gradient, "grad")
    kind = type(output)
    create_graph = create_graph or (_inside.get() and is_grad_enabled())
    numbers = {target.number for target in targets}
    listeners = _listeners()
    with enable_grad() if create_graph else no_grad():
        if create_graph:
            seed = _as_value(seed, gradient, kind)
        walk = _told(_walk(output, seed, targets, hooked), listeners)
        found = {value.number: g for value, g, _ in walk if value.number in numbers}
    results: list[Any] = []
    for k, target in enumerate(targets):
        g = found.get(target.number)
        if g is None and not allow_unused:
            raise RuntimeError(
                f"grad: the output does not depend on inputs[{k}], {called(target)}"
                + ("" if target._needs_grad else ", which has requires_grad=False")
                + "; pass allow_unused=True to get None for it"
            )
        results.append(g if g is None or isinstance(g, Value) else kind.wrap(as_array(g)))
    return tuple(results)
