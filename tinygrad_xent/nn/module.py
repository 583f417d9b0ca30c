"""Module: something with parameters. No magic: a parameter is a Tensor set as an attribute."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import ref

import numpy as np

from ..display import Part, module_html
from ..tensor import Tensor
from ..value import Array, Value, _numbers, copied

if TYPE_CHECKING:
    from typing_extensions import Self


class Module:
    """Base of layers and models: define ``forward``, set Tensors and Modules as attributes.

    A Tensor with ``requires_grad`` that is set on a Module is a parameter; parameters and Modules
    in lists, tuples and dicts count too. Names are attribute paths, ``"0.weight"``, in the order in
    which the attributes were set. What an op has computed may be kept as an attribute to look at;
    it is no parameter. (Under `no_grad` it has no op, and would be kept in `state_dict` as a frozen
    Tensor is: there, and in what `fit`, `evaluate` and `save` are given, keep its ``.data``.)

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> class Scale(tx.nn.Module):
    ...     def __init__(self):
    ...         self.factor = tx.Tensor(2.0, requires_grad=True)
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> double = Scale()
    >>> double(tx.Tensor([1.0, 2.0])), [name for name, _ in double.named_parameters()]
    (Tensor([2., 4.], op=multiply), ['factor'])
    """

    # Matrices that PyTorch keeps the other way round, (out, in): transposed where a file is
    # written.
    transposed_in_pytorch: ClassVar[tuple[str, ...]] = ()

    training = True  # until `eval` says otherwise: see `train`

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Run `forward`, and note on its result that it ran here, for drawings."""
        began = next(_numbers)
        result = self.forward(*inputs, **options)
        # What was made before the call, such as the input handed on, did not come of it.
        if isinstance(result, Value) and result.number > began:
            result._call = (began, ref(self), result._call, get_ident())
        return result

    def config(self) -> dict[str, Any]:
        """The constructor arguments that rebuild this module, as JSON can hold them."""
        raise NotImplementedError(f"{type(self).__name__} defines no config")

    def children(self) -> Iterator[tuple[str, Module]]:
        """The Modules set as attributes, with their names."""
        for name, value in _members(self):
            if isinstance(value, Module):
                yield name, value

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """The module and all below it, each once, with their paths; its own is ""."""
        return _walk(self, "", set())

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """All leaf Tensors of the model, frozen ones included, each once, with their paths."""
        for path, _, tensors in self._parts():
            for name, tensor in tensors:
                yield _path(path, name), tensor

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """The Tensors that need a gradient, each once, with their paths."""
        return ((name, tensor) for name, tensor in self.named_tensors() if tensor.requires_grad)

    def parameters(self) -> list[Tensor]:
        """The Tensors that need a gradient, each once."""
        return [tensor for _, tensor in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for tensor in self.parameters():
            tensor.grad = None

    def train(self, mode: bool = True) -> Self:
        """Behave as in training, here and in all modules below; returns the module itself.

        `Dropout` is what behaves differently. ``mode=False`` is `eval`.
        """
        for _, module in self.named_modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Behave as in use, not in training: nothing is left out at random."""
        return self.train(False)

    def state_dict(self) -> dict[str, Array]:
        """A copy of every Tensor's array, by path.

        Raises
        ------
        ValueError
            If two Tensors have one path, as those of ``{"0": v, 0: w}`` do: one would be lost.
        """
        # Memory in its own order: sums in another order have other last bits.
        return {name: copied(tensor._array) for name, tensor in self._by_path().items()}

    def _by_path(self) -> dict[str, Tensor]:
        """The leaf Tensors by their paths; a ValueError if two have the same."""
        found: dict[str, Tensor] = {}
        for name, tensor in self.named_tensors():
            if name in found:
                where = type(self).__name__
                raise ValueError(f"{where}: two Tensors have the path {name!r}; rename one of them")
            found[name] = tensor
        return found

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the arrays of `state`; all of them, or none if anything does not fit.

        Weights are (in, out) here and (out, in) in PyTorch: its models come in through `tx.load`.

        Raises
        ------
        ValueError
            Naming every missing and every unexpected name, and every shape that differs or dtype
            that does not fit: numbers with a fraction into whole ones; or if two Tensors have one
            path.
        """
        tensors = self._by_path()
        wrong = [f"missing {name!r}" for name in tensors if name not in state]
        wrong += [f"unexpected {name!r}" for name in state if name not in tensors]
        arrays = {name: _plain(state[name]) for name in tensors if name in state}
        for name, array in arrays.items():
            if array.shape != tensors[name].shape:
                wrong.append(f"{name!r} has shape {array.shape}, wanted {tensors[name].shape}")
            elif not np.can_cast(array.dtype, tensors[name].dtype, "same_kind"):
                wrong.append(f"{name!r} has dtype {array.dtype}, wanted {tensors[name].dtype}")
        if wrong:
            raise ValueError("load_state_dict: " + "; ".join(wrong))
        fitting = {name: copied(array, tensors[name].dtype) for name, array in arrays.items()}
        for name, array in fitting.items():
            tensors[name]._rebind(array)

    def _parts(self) -> Iterator[tuple[str, Module, list[tuple[str, Tensor]]]]:
        """Every module with its path and the leaf Tensors that it is the first to have."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            own = []
            for name, value in _members(module):
                if isinstance(value, Tensor) and value.is_leaf and id(value) not in seen:
                    seen.add(id(value))
                    own.append((name, value))
            yield path, module, own

    def _repr_html_(self) -> str:
        return module_html([Part(p, type(m).__name__, tensors) for p, m, tensors in self._parts()])

    def __repr__(self) -> str:
        lines = [f"  ({name}): {child!r}".replace("\n", "\n  ") for name, child in self.children()]
        inside = "\n".join(["", *lines, ""]) if lines else ""
        return f"{type(self).__name__}({inside})"


def _walk(module: Module, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
    """The modules from here down; `seen` ends it where a child points back at its parent."""
    if id(module) in seen:
        return
    seen.add(id(module))
    yield path, module
    for name, child in module.children():
        yield from _walk(child, _path(path, name), seen)


def _members(module: Module) -> Iterator[tuple[str, Any]]:
    """The attributes; of lists, tuples and dicts the elements, ``name.0``, ``name.1``, …"""
    for name, value in vars(module).items():
        yield from _elements(name, value)


def _elements(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (list, tuple, dict)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, element in pairs:
            yield from _elements(f"{name}.{key}", element)
    else:
        yield name, value


def _plain(value: Any) -> Array:
    """The array of a Tensor, or of anything that NumPy makes one from."""
    return value.numpy() if isinstance(value, Tensor) else np.asarray(value)


def _path(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
