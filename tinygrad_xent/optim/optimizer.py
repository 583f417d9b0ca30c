"""What all optimizers share: parameters, settings, a state for each parameter, and the step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from ..tensor import Tensor
from ..value import NOBODY, Array, _listeners, as_array
from . import keeping
from .checks import at_least_zero, weak

ndarray = np.ndarray


class Optimizer:
    """What all optimizers share: the parameters, the learning rate and a state per parameter.

    Parameters
    ----------
    params
        Leaf Tensors, ``model.parameters()``.
    lr
        The learning rate; set it anew between steps for a schedule.
    maximize
        Climb instead: every step follows ``-ḡ``.

    Raises
    ------
    TypeError, ValueError
        If there are no parameters, one is not a leaf Tensor that needs a gradient, or one comes
        twice; if a setting is not a number in its range.

    Examples
    --------
    An optimizer of your own says in one method where a parameter goes.

    >>> import numpy as np
    >>> import tinygrad_xent as tx
    >>> class Sign(tx.optim.Optimizer):
    ...     def moved(self, theta, g, state):
    ...         return theta - self.lr * np.sign(g)
    >>> w = tx.Tensor([5.0], requires_grad=True)
    >>> (300 * w).sum().backward()
    >>> Sign([w], lr=0.5).step()
    >>> w
    Tensor([4.5], requires_grad=True)
    """

    # The names in the state of a parameter that has moved, each with the setting without which it
    # is not there ("": always). "t" counts steps, the others are arrays like the parameter.
    keeps: ClassVar[dict[str, str] | None] = None  # of a subclass that does not say: anything

    def __init__(self, params: Iterable[Tensor], lr: float, *, maximize: bool = False) -> None:
        self.lr = self._at_least_zero("lr", lr)
        self.maximize = self._yes_or_no("maximize", maximize)
        self.params = _leaves(type(self).__name__, params)
        self.state: list[dict[str, Any]] = [{} for _ in self.params]

    def __setattr__(self, name: str, value: Any) -> None:
        """A setting; NumPy's numbers become Python's, which never widen a float32."""
        super().__setattr__(name, weak(value))

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        moved, maximize = self.moved, self.maximize
        told = _listeners()
        for p, state in zip(self.params, self.state, strict=True):
            kept = p._kept
            if kept is None:
                continue
            before, g = p._array, kept[0]
            theta = moved(before, -g if maximize else g, state)
            # NumPy turns 0-d results into scalars.
            p._array = theta if type(theta) is ndarray else as_array(theta)
            p._holder = NOBODY  # but this parameter; a graph keeps the array that it recorded
            if told:
                for listener in told:
                    listener.updated(p, before, self.rule)

    @property
    def rule(self) -> str:
        """The step as a formula, for those who watch; a subclass says its own."""
        return f"{type(self).__name__}(θ, {self.gradient})"

    @property
    def gradient(self) -> str:
        """How `rule` calls the gradient that is followed: ḡ, or -ḡ to climb."""
        return "(-ḡ)" if self.maximize else "ḡ"

    def _with_decay(self, weight_decay: float) -> str:
        """The same with the weight decay that is part of it."""
        return f"({self.gradient} + {weight_decay:g} θ)" if weight_decay else self.gradient

    def moved(self, theta: Array, g: Array, state: dict[str, Any]) -> Any:
        """The parameter after the step, as a new array, from the present one and its gradient."""
        raise NotImplementedError(f"{type(self).__name__}.moved")

    def zero_grad(self) -> None:
        """Forget the gradients; without this the next ``backward()`` adds to them."""
        for p in self.params:
            p._kept = None

    def state_dict(self) -> dict[str, Any]:
        """Settings and running arrays, as plain numbers and copied arrays: all but the parameters.

        ``{"optimizer": class name, "settings": {name: number}, "state": [{name: array}, …]}``,
        the state in the order of `params`, empty for one that has not moved yet.

        Examples
        --------
        >>> import tinygrad_xent as tx
        >>> w = tx.Tensor([1.0], requires_grad=True)
        >>> optimizer = tx.optim.SGD([w], lr=0.5, momentum=0.9)
        >>> (4 * w).sum().backward()
        >>> optimizer.step()
        >>> kept = optimizer.state_dict()
        >>> kept["optimizer"], kept["settings"]["momentum"], kept["state"]
        ('SGD', 0.9, [{'velocity': array([4.], dtype=float32)}])
        """
        return keeping.kept(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; all of it, or nothing if anything does not fit.

        An optimizer of the same parameters goes on as the other would have, bit for bit, its
        settings included. Lists may stand for tuples, as they come back from JSON.

        Raises
        ------
        TypeError, ValueError
            Naming everything that is missing, not known, or of a wrong kind, shape or dtype.

        Examples
        --------
        >>> import tinygrad_xent as tx
        >>> w = tx.Tensor([1.0], requires_grad=True)
        >>> optimizer = tx.optim.Adam([w], lr=0.5)
        >>> optimizer.load_state_dict(tx.optim.Adam([w], lr=0.25).state_dict())
        >>> optimizer.lr
        0.25
        """
        keeping.take_over(self, state)

    def _check(self) -> None:
        """Raise ValueError if settings do not go together; a subclass with such says so."""

    def _at_least_zero(self, name: str, value: Any) -> float:
        return at_least_zero(f"{type(self).__name__}: {name}", value)

    def _yes_or_no(self, name: str, value: Any) -> bool:
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{type(self).__name__}: {name} is {value!r}; wanted True or False")
        return bool(value)


def _leaves(optimizer: str, params: Iterable[Tensor]) -> list[Tensor]:
    """The parameters as a list, each of which can be moved, or an error that names the one."""
    # Iterating a Tensor would give its rows.
    if isinstance(params, Tensor) or not isinstance(params, Iterable):
        raise TypeError(
            f"{optimizer}: got a {type(params).__name__}; wanted a list of Tensors, such as [w] or "
            "model.parameters()"
        )
    found: dict[int, int] = {}
    leaves = list(params)
    if not leaves:
        raise ValueError(f"{optimizer}: got no parameters")
    for k, p in enumerate(leaves):
        if not isinstance(p, Tensor):
            raise TypeError(f"{optimizer}: parameter {k} is {p!r}; wanted a Tensor")
        which = f"parameter {k}" + (f", {p.name!r}," if p.name else "") + f" of shape {p.shape}"
        if p.op is not None:
            raise ValueError(f"{optimizer}: {which} is the result of {p.op.name}; wanted a leaf")
        if not p.requires_grad:
            raise ValueError(f"{optimizer}: {which} has requires_grad=False; wanted True")
        if id(p) in found:
            raise ValueError(f"{optimizer}: {which} was given before, as parameter {found[id(p)]}")
        found[id(p)] = k
    return leaves
