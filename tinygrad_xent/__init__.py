"""tinygrad_xent: the autodiff engine in which you can see backprop."""

from . import data, nn, optim
from .backprop import grad
from .check import check_gradients
from .draw import make_dot
from .files import ModelError, load, load_model, read_metadata, save
from .op import Op, apply, formula, not_differentiable
from .ops import (
    abs,
    cross_entropy,
    exp,
    linear,
    log,
    log_softmax,
    logsumexp,
    matmul,
    max,
    mean,
    one_hot,
    relu,
    reshape,
    sigmoid,
    softmax,
    sqrt,
    sum,
    tanh,
    transpose,
    unfused_cross_entropy,
    where,
)
from .tensor import Tensor
from .training import History, evaluate, fit
from .value import enable_grad, get_default_dtype, is_grad_enabled, no_grad, set_default_dtype

__all__ = [
    "History",
    "ModelError",
    "Op",
    "Tensor",
    "abs",
    "apply",
    "check_gradients",
    "cross_entropy",
    "data",
    "enable_grad",
    "evaluate",
    "exp",
    "fit",
    "formula",
    "get_default_dtype",
    "grad",
    "is_grad_enabled",
    "linear",
    "load",
    "load_model",
    "log",
    "log_softmax",
    "logsumexp",
    "make_dot",
    "matmul",
    "max",
    "mean",
    "nn",
    "no_grad",
    "not_differentiable",
    "one_hot",
    "optim",
    "read_metadata",
    "relu",
    "reshape",
    "save",
    "set_default_dtype",
    "sigmoid",
    "softmax",
    "sqrt",
    "sum",
    "tanh",
    "transpose",
    "unfused_cross_entropy",
    "where",
]

__version__ = "0.1.0"
