"""Handing a model over as ONNX, the format that runs in other languages and on other machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import __version__, nn
from .files import PathLike, replacing
from .nn import Module
from .value import Array, get_default_dtype

OPSET, IR_VERSION = 17, 8  # of 2022: old enough for runtimes that are not of this year
LARGEST = 2**31 - 1  # bytes of a protobuf message


def to_onnx(
    model: Module,
    path: PathLike,
    *,
    mean: Any = None,
    std: Any = None,
    probabilities: bool = False,
    classes: Sequence[str] | None = None,
) -> None:
    """Write a model as ONNX: ``x`` of shape (N, features) to ``logits`` of shape (N, classes).

    N is left open. Linear becomes Gemm; ReLU, Tanh and Sigmoid are ops of ONNX; Dropout does
    nothing where nothing is trained. The same model gives the same bytes. Needs the package onnx,
    ``pip install "tinygrad-xent[onnx]"``.

    Parameters
    ----------
    model
        An MLP, or a Sequential of layers of `tx.nn`, however nested; of float32 or float64.
    path
        The file; an old one is replaced once the new one is complete.
    mean, std
        Numbers, or one for each feature, in the units of the data: the model in the file takes the
        data as they are and begins with ``(x - mean) / std``, in float64, as
        `data.Standardiser` does.
    probabilities
        End with softmax: the output is ``probabilities``.
    classes
        Names, kept in the metadata of the file under ``classes``, as JSON.

    Raises
    ------
    ImportError
        If onnx is not installed.
    TypeError
        If there is no ONNX for a layer, naming it.
    ValueError
        If dtypes, statistics or class names do not fit the model.

    The page "Moving on to PyTorch" shows an example of it, run by onnxruntime.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError('to_onnx needs onnx: pip install "tinygrad-xent[onnx]"') from error
    graph = _Graph(onnx, _dtype(model))
    if mean is not None or std is not None:
        graph.standardised(mean, std, _first_width(model))
    graph.layer(model, "")
    if probabilities:
        graph.node("Softmax", axis=-1)
    made = graph.finished(_first_width(model), "probabilities" if probabilities else "logits")
    if classes is not None:
        names = _class_names(classes, graph.width)
        onnx.helper.set_model_props(made, {"classes": json.dumps(names, ensure_ascii=False)})
    if made.ByteSize() > LARGEST:
        raise ValueError(
            f"to_onnx: the model has {made.ByteSize():,} bytes; ONNX holds {LARGEST:,}"
        )
    onnx.checker.check_model(made, full_check=True)
    content = made.SerializeToString(deterministic=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


class _Graph:
    """The nodes and arrays of a model in the making; `last` is the value that is handed on."""

    def __init__(self, onnx: Any, dtype: np.dtype[Any]) -> None:
        self.onnx, self.dtype = onnx, dtype
        self.nodes: list[Any] = []
        self.arrays: dict[str, Any] = {}
        self.last = "x"
        self.width: int | None = None  # of what is handed on, if a layer has told

    def node(self, kind: str, *arrays: str, name: str = "", **attributes: Any) -> None:
        """One op upon the last value."""
        name = f"{name or 'model'}/{kind}"
        taken = sum(one.name.partition("#")[0] == name for one in self.nodes)
        name = f"{name}#{taken + 1}" if taken else name
        make = self.onnx.helper.make_node
        self.nodes.append(make(kind, [self.last, *arrays], [name], name=name, **attributes))
        self.last = name

    def array(self, name: str, array: Array) -> str:
        """An array of the file, under its name."""
        self.arrays[name] = self.onnx.numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def standardised(self, mean: Any, std: Any, width: int | None) -> None:
        """``(x - mean) / std`` in float64, whatever the model computes in."""
        mean, std = _statistics("mean", mean, 0.0, width), _statistics("std", std, 1.0, width)
        if (std <= 0).any():
            raise ValueError(f"to_onnx: std holds {std.min()}; wanted numbers > 0")
        types = self.onnx.TensorProto
        self.node("Cast", name="input", to=types.DOUBLE)
        self.node("Sub", self.array("input_mean", mean), name="input")
        self.node("Div", self.array("input_std", std), name="input")
        self.node("Cast", name="input", to=self.type())

    def layer(self, module: Module, path: str) -> None:
        """What a module does, by its forward: a subclass with another is another layer."""
        kind, own = type(module), " with a forward of its own" if "forward" in vars(module) else ""
        write = _WRITERS.get(kind.forward) if kind.__call__ is Module.__call__ else None
        if write is None or own:
            where = f"layer {path!r}" if path else "the model"
            raise TypeError(
                f"to_onnx: {where} is a {kind.__name__}{own}, for which there is no ONNX here; "
                "wanted "
                + ", ".join(forward.__qualname__.partition(".")[0] for forward in _WRITERS)
            )
        write(self, module, path)

    def finished(self, width: int | None, output: str) -> Any:
        """The model."""
        helper = self.onnx.helper
        self.nodes.append(helper.make_node("Identity", [self.last], [output], name=output))
        given = helper.make_tensor_value_info("x", self.type(), ["N", width or "features"])
        gives = helper.make_tensor_value_info(output, self.type(), ["N", self.width or "features"])
        graph = helper.make_graph(
            self.nodes, "tinygrad_xent", [given], [gives], list(self.arrays.values())
        )
        return helper.make_model(
            graph,
            producer_name="tinygrad_xent",
            producer_version=__version__,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )

    def type(self) -> int:
        """How ONNX calls the dtype of the model."""
        found: int = self.onnx.helper.np_dtype_to_tensor_dtype(self.dtype)
        return found


def _linear(graph: _Graph, layer: nn.Linear, path: str) -> None:
    """``x W + b`` as Gemm, the weight as (out, in), named and laid out as in PyTorch."""
    if graph.width not in (None, layer.weight.shape[0]):
        raise ValueError(
            f"to_onnx: layer {path!r} takes {layer.weight.shape[0]} columns, and gets {graph.width}"
        )
    prefix = f"{path}." if path else ""
    arrays = [graph.array(f"{prefix}weight", layer.weight.numpy().T)]
    if layer.bias is not None:
        arrays.append(graph.array(f"{prefix}bias", layer.bias.numpy()))
    graph.node("Gemm", *arrays, name=path, transB=1)
    graph.width = layer.weight.shape[1]


def _sequential(graph: _Graph, model: nn.Sequential, path: str) -> None:
    for name, layer in vars(model).items():
        if isinstance(layer, Module):
            graph.layer(layer, f"{path}.{name}" if path else name)


def _op(kind: str) -> Callable[[_Graph, Any, str], None]:
    def write(graph: _Graph, layer: Module, path: str) -> None:
        graph.node(kind, name=path)

    return write


def _nothing(graph: _Graph, layer: Module, path: str) -> None:
    """What does nothing but in training."""


_WRITERS: dict[Any, Callable[[_Graph, Any, str], None]] = {
    nn.Linear.forward: _linear,
    nn.ReLU.forward: _op("Relu"),
    nn.Tanh.forward: _op("Tanh"),
    nn.Sigmoid.forward: _op("Sigmoid"),
    nn.Dropout.forward: _nothing,
    nn.Sequential.forward: _sequential,
}


def _dtype(model: Module) -> np.dtype[Any]:
    """The one floating dtype that the whole model has."""
    found = {tensor.dtype: name for name, tensor in model.named_tensors()}
    if len(found) > 1:
        said = ", ".join(f"{name!r} {dtype}" for dtype, name in found.items())
        raise ValueError(f"to_onnx: the arrays differ in dtype: {said}; wanted one for all")
    dtype = np.dtype(next(iter(found), get_default_dtype()))
    if dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(
            f"to_onnx: the model has dtype {dtype}; wanted float32 or float64: load its file into "
            "such a model"
        )
    return dtype


def _first_width(model: Module) -> int | None:
    """How many columns the first layer that knows takes."""
    for _, module in model.named_modules():
        if isinstance(module, nn.Linear):
            return int(module.weight.shape[0])
    return None


def _statistics(what: str, given: Any, default: float, width: int | None) -> Array:
    numbers = np.asarray(default if given is None else given, dtype=np.float64)
    if numbers.ndim > 1 or (numbers.ndim == 1 and width not in (None, len(numbers))):
        wanted = "one axis" if width is None else f"shape ({width},)"
        raise ValueError(f"to_onnx: {what} has shape {numbers.shape}; wanted a number or {wanted}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"to_onnx: {what} holds {numbers[~np.isfinite(numbers)][0]}")
    return numbers


def _class_names(classes: Sequence[str], width: int | None) -> list[str]:
    names = [str(name) for name in classes]
    if isinstance(classes, str) or width not in (None, len(names)):
        raise ValueError(f"to_onnx: got classes {classes!r}; wanted {width} names")
    return names
