"""What an optimizer's `state_dict` holds, and what is checked before one is taken over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..value import Array

if TYPE_CHECKING:
    from .optimizer import Optimizer

PARTS = ("optimizer", "settings", "state")


def kept(optimizer: Optimizer) -> dict[str, Any]:
    """See `Optimizer.state_dict`."""
    name = type(optimizer).__name__
    settings = _settings(optimizer)
    for key, value in settings.items():
        if not _is_plain(value):
            raise TypeError(
                f"{name}.state_dict: {key} is {value!r}; wanted numbers, texts or tuples of them: "
                "a subclass with other attributes defines state_dict and load_state_dict"
            )
    state = [
        {key: _copied(f"{name}.state_dict: {key}", value) for key, value in one.items()}
        for one in optimizer.state
    ]
    return {"optimizer": name, "settings": settings, "state": state}


def take_over(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """See `Optimizer.load_state_dict`."""
    where = f"{type(optimizer).__name__}.load_state_dict"
    if not isinstance(state, Mapping) or sorted(map(str, state)) != sorted(PARTS):
        got = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        raise TypeError(f"{where}: got {got}; wanted a dict of {', '.join(PARTS)}")
    if state["optimizer"] != type(optimizer).__name__:
        raise ValueError(f"{where}: got the state of {state['optimizer']!r}")
    twin = object.__new__(type(optimizer))  # to be checked as a whole before anything is changed
    vars(twin).update(vars(optimizer))
    vars(twin).update(_checked_settings(twin, where, state["settings"]))
    twin._check()
    found = _checked_states(twin, where, state["state"])
    vars(optimizer).update({key: vars(twin)[key] for key in _settings(twin)})
    for one, new in zip(optimizer.state, found, strict=True):
        # The dicts stay themselves: a compiled step has found its arrays in them.
        one.clear()
        one.update(new)


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    """All but the parameters and their state."""
    return {k: value for k, value in vars(optimizer).items() if k not in ("params", "state")}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _checked_settings(optimizer: Optimizer, where: str, settings: Any) -> dict[str, Any]:
    present = _settings(optimizer)
    if not isinstance(settings, Mapping):
        raise TypeError(f"{where}: settings are a {type(settings).__name__}; wanted a dict")
    wrong = [f"missing setting {key!r}" for key in present if key not in settings]
    wrong += [f"unknown setting {key!r}" for key in settings if key not in present]
    if wrong:
        raise ValueError(f"{where}: {'; '.join(wrong)}")
    return {key: _like(optimizer, key, old, settings[key]) for key, old in present.items()}


def _like(optimizer: Optimizer, name: str, old: Any, new: Any) -> Any:
    """A setting of the kind that stands there now."""
    if isinstance(old, bool):
        return optimizer._yes_or_no(name, new)
    if isinstance(old, (int, float)):
        number = optimizer._at_least_zero(name, new)
        return new if type(new) is int else number  # a count stays one
    if isinstance(old, (tuple, list)) and isinstance(new, (tuple, list)) and len(old) == len(new):
        pairs = zip(old, new, strict=True)
        return type(old)(_like(optimizer, f"{name}[{k}]", *pair) for k, pair in enumerate(pairs))
    if type(old) is not type(new):
        raise ValueError(f"{type(optimizer).__name__}: {name} is {new!r}; wanted one like {old!r}")
    return new


def _checked_states(optimizer: Optimizer, where: str, states: Any) -> list[dict[str, Any]]:
    if not isinstance(states, (list, tuple)):
        raise TypeError(f"{where}: state is a {type(states).__name__}; wanted a list")
    if len(states) != len(optimizer.params):
        raise ValueError(
            f"{where}: got the state of {len(states)} parameters; wanted {len(optimizer.params)}"
        )
    found, wrong = [], []
    for k, (p, one) in enumerate(zip(optimizer.params, states, strict=True)):
        which = f"parameter {k}"
        if not isinstance(one, Mapping):
            raise TypeError(f"{where}: the state of {which} is a {type(one).__name__}; not a dict")
        wrong += [f"{which}: {text}" for text in _misfits(optimizer, one, p._array)]
        if not wrong:
            found.append({key: _copied(which, value, p.ndim == 0) for key, value in one.items()})
    if wrong:
        raise ValueError(f"{where}: {'; '.join(wrong)}")
    return found


def _misfits(optimizer: Optimizer, state: Mapping[str, Any], like: Array) -> list[str]:
    """What is wrong with the state of a parameter; an empty one has not moved yet."""
    keeps = optimizer.keeps
    if keeps is None or not state:
        return []
    wanted = [key for key, needs in keeps.items() if not needs or getattr(optimizer, needs)]
    wrong = [f"missing {key!r}" for key in wanted if key not in state]
    for key, value in state.items():
        if key not in keeps:
            wrong.append(f"unknown {key!r}")
        elif key == "t":
            if type(value) is not int or value < 1:
                wrong.append(f"t is {value!r}, wanted a count of steps")
        elif not isinstance(value, (np.ndarray, np.generic)):
            wrong.append(f"{key!r} is a {type(value).__name__}, wanted an array")
        elif (value.shape, value.dtype) != (like.shape, like.dtype):
            got, one = f"{value.dtype} {value.shape}", f"{like.dtype} {like.shape}"
            wrong.append(f"{key!r} is {got}, wanted {one}")
    return wrong


def _copied(what: str, value: Any, scalar: bool = False) -> Any:
    """An array of one's own, or a Python number; `scalar`: 0-d as NumPy's results of 0 axes."""
    if isinstance(value, np.ndarray):
        array = value.copy(order="K")
        return array[()] if scalar else array
    if isinstance(value, np.generic):
        return value if scalar else np.array(value)
    if _is_plain(value):
        return value
    raise TypeError(f"{what} is {value!r}; wanted an array or a number")
