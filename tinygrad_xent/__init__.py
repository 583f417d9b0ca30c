"""tinygrad_xent: the autodiff engine in which you can see backprop."""

from . import data
from .backprop import grad
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
from .value import enable_grad, get_default_dtype, is_grad_enabled, no_grad, set_default_dtype

__all__ = [
    "Op",
    "Tensor",
    "abs",
    "apply",
    "cross_entropy",
    "data",
    "enable_grad",
    "exp",
    "formula",
    "get_default_dtype",
    "grad",
    "is_grad_enabled",
    "linear",
    "log",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "mean",
    "no_grad",
    "not_differentiable",
    "one_hot",
    "relu",
    "reshape",
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
