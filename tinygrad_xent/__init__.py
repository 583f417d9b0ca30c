"""tinygrad_xent: the autodiff engine in which you can see backprop."""

from typing import TYPE_CHECKING, Any

from . import nn, ops, optim
from .backprop import grad
from .op import Op, apply, formula, not_differentiable
from .ops import *  # noqa: F403
from .tensor import Tensor
from .value import enable_grad, get_default_dtype, is_grad_enabled, no_grad, set_default_dtype

if TYPE_CHECKING:
    from . import calibration, data, draw, exercise, information, lessons, likelihood
    from .anomaly import AnomalyError, detect_anomaly
    from .check import check_gradients
    from .compiler import TraceError, compile
    from .data import DataError
    from .derivatives import hessian, hvp, jacobian, jvp, value_and_grad, vjp
    from .draw import compare_xent, draw_dot, explain, make_dot, play, plot_dot_graph, record
    from .export import to_onnx
    from .files import ModelError, load, load_model, read_metadata, save
    from .training import History, evaluate, fit, predict

__all__ = [
    "AnomalyError",
    "DataError",
    "History",
    "ModelError",
    "Op",
    "Tensor",
    "TraceError",
    "apply",
    "calibration",
    "check_gradients",
    "compare_xent",
    "compile",
    "data",
    "detect_anomaly",
    "draw",
    "draw_dot",
    "enable_grad",
    "evaluate",
    "exercise",
    "explain",
    "fit",
    "formula",
    "get_default_dtype",
    "grad",
    "hessian",
    "hvp",
    "information",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "lessons",
    "likelihood",
    "load",
    "load_model",
    "make_dot",
    "nn",
    "no_grad",
    "not_differentiable",
    "optim",
    "play",
    "plot_dot_graph",
    "predict",
    "read_metadata",
    "record",
    "save",
    "set_default_dtype",
    "to_onnx",
    "value_and_grad",
    "vjp",
]
__all__ += ops.__all__

__version__ = "0.1.0"


# The rooms that many programs never enter, and the names they give to this one. With them import
# would take half as long again as NumPy's own.
_LATER = {
    "anomaly": ["AnomalyError", "detect_anomaly"],
    "calibration": [],
    "check": ["check_gradients"],
    "compiler": ["TraceError", "compile"],
    "data": ["DataError"],
    "derivatives": ["hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"],
    "draw": ["compare_xent", "draw_dot", "explain", "make_dot", "play", "plot_dot_graph", "record"],
    "exercise": [],
    "export": ["to_onnx"],
    "files": ["ModelError", "load", "load_model", "read_metadata", "save"],
    "information": [],
    "lessons": [],
    "likelihood": [],
    "training": ["History", "evaluate", "fit", "predict"],
}


def __getattr__(name: str) -> Any:
    """Load a room when it, or one of its names, is first asked for."""
    from importlib import import_module

    for room, names in _LATER.items():
        if name == room or name in names:
            module = import_module(f".{room}", __name__)
            found = module if name == room else getattr(module, name)
            return globals().setdefault(name, found)  # the next time it is simply there
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
