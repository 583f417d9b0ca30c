"""tinygrad_xent: the autodiff engine in which you can see backprop."""

from . import data, nn, ops, optim
from .backprop import grad
from .check import check_gradients
from .draw import make_dot
from .files import ModelError, load, load_model, read_metadata, save
from .op import Op, apply, formula, not_differentiable
from .ops import *  # noqa: F403
from .tensor import Tensor
from .training import History, evaluate, fit
from .value import enable_grad, get_default_dtype, is_grad_enabled, no_grad, set_default_dtype

__all__ = [
    "History",
    "ModelError",
    "Op",
    "Tensor",
    "apply",
    "check_gradients",
    "data",
    "enable_grad",
    "evaluate",
    "fit",
    "formula",
    "get_default_dtype",
    "grad",
    "is_grad_enabled",
    "load",
    "load_model",
    "make_dot",
    "nn",
    "no_grad",
    "not_differentiable",
    "optim",
    "read_metadata",
    "save",
    "set_default_dtype",
]
__all__ += ops.__all__

__version__ = "0.1.0"
