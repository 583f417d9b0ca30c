"""tinygrad_xent: the autodiff engine in which you can see backprop."""

from typing import TYPE_CHECKING, Any

from . import calibration, data, exercise, information, likelihood, nn, ops, optim
from .anomaly import AnomalyError, detect_anomaly
from .backprop import grad
from .check import check_gradients
from .derivatives import hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .files import ModelError, load, load_model, read_metadata, save
from .op import Op, apply, formula, not_differentiable
from .ops import *  # noqa: F403
from .tensor import Tensor
from .training import History, evaluate, fit
from .value import enable_grad, get_default_dtype, is_grad_enabled, no_grad, set_default_dtype

if TYPE_CHECKING:
    from . import draw
    from .compiler import TraceError, compile
    from .draw import compare_xent, draw_dot, explain, make_dot, play, plot_dot_graph, record

__all__ = [
    "AnomalyError",
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
    "read_metadata",
    "record",
    "save",
    "set_default_dtype",
    "value_and_grad",
    "vjp",
]
__all__ += ops.__all__

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """What draws or compiles is loaded when it is first asked for: most programs do neither."""
    if name in ("draw", *_DRAWN):
        from importlib import import_module

        draw = import_module(".draw", __name__)
        return draw if name == "draw" else getattr(draw, name)
    if name in ("compile", "TraceError"):
        from . import compiler

        return getattr(compiler, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_DRAWN = (*("compare_xent", "draw_dot", "explain", "make_dot", "play", "plot_dot_graph", "record"),)
