"""The layers of a multilayer perceptron, and the perceptron."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..ops.dropout import probability
from ..tensor import Tensor
from ..value import get_default_dtype
from .initialise import Initialiser, Seed, fan_in_uniform, generator
from .module import Module


class Linear(Module):
    """``x @ weight + bias``: rows x (N, in), weight (in, out), bias (out,).

    Parameters
    ----------
    in_features, out_features
        The number of columns that come in and go out.
    bias
        Whether there is one.
    initialise
        What draws weight and bias, PyTorch's ±1/√in by default: see `nn.initialise`.
    rng
        A `numpy.random.Generator` or a seed; None draws a seed from the operating system.
    dtype
        Floating; the default float otherwise.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> layer = tx.nn.Linear(2, 3, initialise=tx.nn.initialise.zeros)
    >>> layer, layer(tx.Tensor([[1.0, 2.0]])).shape
    (Linear(2, 3), (1, 3))
    """

    transposed_in_pytorch: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        initialise: Initialiser = fan_in_uniform,
        rng: Seed = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        in_features = _size("Linear: in_features", in_features)
        out_features = _size("Linear: out_features", out_features)
        rng, dtype = generator(rng), dtype or get_default_dtype()

        def drawn(*shape: int) -> Tensor:
            start = Tensor(initialise(rng, shape, in_features), requires_grad=True, dtype=dtype)
            if start.shape != shape:
                raise ValueError(
                    f"Linear: initialise gave an array of shape {start.shape}; wanted {shape}"
                )
            return start

        self.weight = drawn(in_features, out_features)
        self.bias = drawn(out_features) if bias else None

    def forward(self, x: Any) -> Any:
        """(N, in) to (N, out)."""
        return ops.linear(x, self.weight, self.bias)

    def config(self) -> dict[str, Any]:
        """See `Module.config`."""
        in_features, out_features = self.weight.shape
        bias = self.bias is not None
        return {"in_features": in_features, "out_features": out_features, "bias": bias}

    def __repr__(self) -> str:
        sizes = f"{self.weight.shape[0]}, {self.weight.shape[1]}"
        return f"Linear({sizes})" if self.bias is not None else f"Linear({sizes}, bias=False)"


class Activation(Module):
    """A layer without parameters: a function of one array."""

    def config(self) -> dict[str, Any]:
        """See `Module.config`."""
        return {}


class ReLU(Activation):
    """``max(x, 0)``."""

    def forward(self, x: Any) -> Any:
        """Elementwise."""
        return ops.relu(x)


class Tanh(Activation):
    """``tanh(x)``."""

    def forward(self, x: Any) -> Any:
        """Elementwise."""
        return ops.tanh(x)


class Sigmoid(Activation):
    """``1 / (1 + exp(-x))``."""

    def forward(self, x: Any) -> Any:
        """Elementwise."""
        return ops.sigmoid(x)


class Dropout(Module):
    """In training each number becomes 0 with probability p, the others x / (1 - p); else x itself.

    A network that cannot rely on any single unit learns what several of them agree on. The mean
    stays, so that nothing has to be scaled where the layer does nothing: in ``model.eval()``.

    Parameters
    ----------
    p
        The probability, from 0 to 1, that a number is left out.
    rng
        A `numpy.random.Generator` or a seed; None draws a seed from the operating system.

    Raises
    ------
    ValueError
        If p is not a probability.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xent as tx
    >>> layer = tx.nn.Dropout(0.5, rng=0)
    >>> layer(tx.Tensor(np.ones(4)))
    Tensor([2., 2., 2., 0.], dtype=float64)
    >>> layer.eval()(tx.Tensor(np.ones(4)))
    Tensor([1., 1., 1., 1.], dtype=float64)
    """

    def __init__(self, p: float = 0.5, *, rng: Seed = None) -> None:
        self.p = probability("Dropout: p", p)
        self.rng = generator(rng)

    def forward(self, x: Any) -> Any:
        """Elementwise."""
        if not self.training or not self.p:
            return x
        return ops.dropout(x, self.p, self.rng)

    def config(self) -> dict[str, Any]:
        """See `Module.config`."""
        return {"p": self.p}

    def __repr__(self) -> str:
        return f"Dropout({self.p:g})"


class Sequential(Module):
    """Layers one after the other, named ``"0"``, ``"1"``, … as in PyTorch.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> model = tx.nn.Sequential(tx.nn.Linear(2, 4), tx.nn.Tanh(), tx.nn.Linear(4, 3))
    >>> [name for name, _ in model.named_parameters()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *layers: Module) -> None:
        for k, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"{type(self).__name__}: layer {k} is {layer!r}; wanted a Module")
            setattr(self, str(k), layer)

    def forward(self, x: Any) -> Any:
        """Through all layers."""
        for layer in vars(self).values():
            if isinstance(layer, Module):
                x = layer(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return (layer for layer in vars(self).values() if isinstance(layer, Module))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, k: int | slice) -> Any:
        """A layer, or for a slice a Sequential of the same layers (not copies), numbered anew."""
        layers = list(iter(self))
        return Sequential(*layers[k]) if isinstance(k, slice) else layers[k]


ACTIVATIONS: dict[str, type[Activation]] = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}


class MLP(Sequential):
    """Linear layers of the given sizes with an activation between them: a multilayer perceptron.

    Parameters
    ----------
    sizes
        Features, hidden sizes and classes: ``[64, 32, 10]``. Two sizes make softmax regression.
    activation
        ``"relu"``, ``"tanh"`` or ``"sigmoid"``.
    dropout
        The probability of a `Dropout` after each activation; 0 for none.
    rng, dtype, initialise
        See `Linear`. One Generator draws all layers, in order, and then what is left out.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> tx.nn.MLP([64, 32, 10])
    MLP(
      (0): Linear(64, 32)
      (1): ReLU()
      (2): Linear(32, 10)
    )
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "relu",
        *,
        dropout: float = 0.0,
        initialise: Initialiser = fan_in_uniform,
        rng: Seed = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if not np.iterable(sizes) or not isinstance(sizes, Sized) or len(sizes) < 2:
            raise ValueError(f"MLP: got sizes {sizes!r}; wanted at least [features, classes]")
        if activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ValueError(f"MLP: got activation {activation!r}; wanted one of {known}")
        self.sizes = tuple(_size(f"MLP: sizes[{k}]", size) for k, size in enumerate(sizes))
        self.activation = activation
        self.dropout = probability("MLP: dropout", dropout)
        rng = generator(rng)
        layers: list[Module] = []
        for fan_in, fan_out in pairwise(self.sizes):
            layers += [Linear(fan_in, fan_out, initialise=initialise, rng=rng, dtype=dtype)]
            layers += [ACTIVATIONS[activation]()]
            layers += [Dropout(self.dropout, rng=rng)] if self.dropout else []
        super().__init__(*layers[: -2 if self.dropout else -1])  # none after the last Linear

    def config(self) -> dict[str, Any]:
        """See `Module.config`."""
        config = {"sizes": list(self.sizes), "activation": self.activation}
        return config | ({"dropout": self.dropout} if self.dropout else {})


def _size(what: str, size: Any) -> int:
    """A number of columns as a Python int, which JSON can hold; NumPy's integers are welcome."""
    # bool is a subclass of int; True columns are always a slip.
    if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
        raise ValueError(f"{what} is {size!r}; wanted a whole number of at least 1")
    return int(size)
