"""tinygrad_xent: the autodiff engine in which you can see backprop."""

from . import calibration, data, draw, information, nn, ops, optim
from .anomaly import AnomalyError, detect_anomaly
from .backprop import grad
from .check import check_gradients
from .derivatives import hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .draw import compare_xent, draw_dot, explain, make_dot, play, plot_dot_graph, record
from .files import ModelError, load, load_model, read_metadata, save
from .op import Op, apply, formula, not_differentiable
from .ops import *  # noqa: F403
from .tensor import Tensor
from .training import History, evaluate, fit
from .value import enable_grad, get_default_dtype, is_grad_enabled, no_grad, set_default_dtype

__all__ = [
    "AnomalyError",
    "History",
    "ModelError",
    "Op",
    "Tensor",
    "apply",
    "calibration",
    "check_gradients",
    "compare_xent",
    "data",
    "detect_anomaly",
    "draw",
    "draw_dot",
    "enable_grad",
    "evaluate",
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
