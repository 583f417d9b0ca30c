"""What np.exp(tensor) and np.sum(tensor, axis=0) call: the op of that name, or a clear refusal."""

# An op returns an array for arrays and a Tensor for Tensors, which its type cannot say.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .op import NUMPY_TWINS


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What ``__array_ufunc__`` asks for: an elementwise function of Tensors."""
    twin = NUMPY_TWINS.get(ufunc)
    if method != "__call__" or twin is None or options:
        name = ufunc.__name__ + (f".{method}" if method != "__call__" else "")
        raise _unsupported(f"np.{name}", options)
    return twin(*inputs)


def call_function(function: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What ``__array_function__`` asks for; an option our op lacks may stand at its default."""
    twin = NUMPY_TWINS.get(function)
    known = () if twin is None else _options_of(twin)
    unknown = [k for k in options if known is not None and k not in known]
    if twin is None or any(_asks(options[k], k, function) for k in unknown):
        where = function.__module__.replace("numpy", "np", 1)
        raise _unsupported(f"{where}.{function.__name__}", unknown)
    return twin(*inputs, **{k: v for k, v in options.items() if k not in unknown})


def _unsupported(name: str, options: Iterable[str]) -> TypeError:
    with_options = "".join(f" with {option}=" for option in options)
    return TypeError(
        f"{name}{with_options} is not defined for Tensors: use .numpy() for the plain array "
        "(without gradient), or an op of tinygrad_xent"
    )


def _asks(value: Any, option: str, function: Any) -> bool:
    """Whether a NumPy function is asked for anything but what it does anyway."""
    default = _defaults_of(function).get(option)
    weighable = isinstance(value, (str, bool, int))  # not arrays, which == compares one by one
    return not (value is None or value is default or (weighable and value == default))


@functools.cache
def _defaults_of(function: Any) -> Mapping[str, Any]:
    """The default of each of a NumPy function's options."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some of the compiled ones tell no signature
        return {}
    return {p.name: p.default for p in parameters}


@functools.cache
def _options_of(twin: Callable[..., Any]) -> frozenset[str] | None:
    """The names of a function's arguments; None if it takes any."""
    import inspect

    parameters = inspect.signature(twin).parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return None if anything else frozenset(parameters)
