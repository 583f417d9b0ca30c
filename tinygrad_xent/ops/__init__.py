"""Every op: one room per family, one screen per op."""

from .arithmetic import add, divide, multiply, negative, power, subtract
from .cross_entropy import cross_entropy, one_hot, unfused_cross_entropy
from .elementary import abs, exp, log, relu, sigmoid, sign, sqrt, tanh, where
from .linear import linear, matmul
from .reduction import Axis, max, mean, sum
from .shape import (
    astype,
    broadcast_to,
    getitem,
    moveaxis,
    reshape,
    scatter_add,
    swapaxes,
    transpose,
)
from .softmax import log_softmax, logsumexp, softmax

__all__ = [
    "Axis",
    "abs",
    "add",
    "astype",
    "broadcast_to",
    "cross_entropy",
    "divide",
    "exp",
    "getitem",
    "linear",
    "log",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "mean",
    "moveaxis",
    "multiply",
    "negative",
    "one_hot",
    "power",
    "relu",
    "reshape",
    "scatter_add",
    "sigmoid",
    "sign",
    "softmax",
    "sqrt",
    "subtract",
    "sum",
    "swapaxes",
    "tanh",
    "transpose",
    "unfused_cross_entropy",
    "where",
]
