"""One row per op: everything the tests of ops need to know. An op without a row fails the suite.

A row gives the op's user function, example arrays (float64, away from kinks unless the kink is the
point), the same computation in plain NumPy or SciPy, and which arguments have a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

import tinygrad_xent as tx
from tinygrad_xent import ops
from tinygrad_xent.ops import divergence


@dataclass(frozen=True)
class Case:
    name: str  # of the op class that the row is for
    f: Callable[..., Any]
    arrays: tuple[Any, ...]
    truth: Callable[..., Any]  # the value, from somewhere else
    broadcasts: bool = False  # a binary op whose operands may be stretched
    order: int = 2

    def __str__(self) -> str:
        return self.name + "".join(f"-{np.shape(a)}" for a in self.arrays)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + sum(shape)).uniform(0.5, 2.0, shape)


def rows(n: int, k: int) -> np.ndarray:
    p = positive(n, k, seed=9)
    return p / p.sum(axis=1, keepdims=True)


def reduced(losses: Any, reduction: str) -> Any:
    return {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[reduction]()


def cross_entropy_truth(z: Any, p: Any, reduction: str = "mean") -> Any:
    p = np.eye(z.shape[1])[p] if p.ndim == 1 else p
    losses = -special.xlogy(p, special.softmax(z, axis=1)).sum(axis=1)
    return {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[reduction]()


def linear_cross_entropy_truth(
    x: Any,
    W: Any,
    y: Any,
    b: Any,
    reduction: str = "mean",
    weight: Any = None,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> Any:
    """By PyTorch's definition, with all logits."""
    log_q = special.log_softmax(np.einsum("nd,dk->nk", x, W) + b, axis=1)
    w = np.ones(3) if weight is None else np.array(weight)
    p = w * ((1 - label_smoothing) * np.eye(3)[y] + label_smoothing / 3)
    counts = y != ignore_index
    losses = -(p * log_q).sum(axis=1) * counts
    return losses.sum() / w[y[counts]].sum() if reduction == "mean" else reduced(losses, reduction)


def selu_truth(x: Any) -> Any:
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return scale * np.where(x > 0, x, alpha * (np.exp(x) - 1))


def gelu_tanh_truth(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


LABELS = np.array([0, 2, 1, 2])
CLASS_WEIGHTS = [0.5, 2.0, 1.5]
INSIDE = positive(3, 4, seed=3) - 1.2  # between -0.7 and 0.8
ZEROS = np.array([[0.0, 0.0, 2.0], [3.0, 0.0, 4.0], [0.5, 5.0, 1.5]])  # one, two, none per column
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])

CASES = [
    # arithmetic
    Case("Add", ops.add, (normal(3, 4), normal(3, 4, seed=1)), np.add, broadcasts=True),
    Case("Subtract", ops.subtract, (normal(3, 4), normal(4)), np.subtract, broadcasts=True),
    Case("Multiply", ops.multiply, (normal(3, 1), normal(1, 4)), np.multiply, broadcasts=True),
    Case("Divide", ops.divide, (normal(3, 4), positive(4)), np.divide, broadcasts=True),
    Case("Negative", ops.negative, (normal(3, 4),), np.negative),
    Case("PowerN", lambda x: ops.power(x, 3), (normal(3, 4),), lambda x: x * x * x),
    Case("PowerN", lambda x: ops.power(x, 2), (np.array([0.0, -1.5]),), np.square),
    Case("PowerN", lambda x: ops.power(x, 1), (np.array([0.0, -1.5]),), np.asarray),
    Case("PowerN", lambda x: ops.power(x, 0), (np.array([0.0, -1.5]),), np.ones_like),
    Case("PowerN", lambda x: ops.power(x, -1), (positive(3, 4),), np.reciprocal),
    Case("PowerN", lambda x: ops.power(x, 0.5), (positive(3, 4),), np.sqrt),
    Case("Power", ops.power, (positive(3, 4), normal(4)), np.power, broadcasts=True),
    Case("Power", lambda y: ops.power(2.0, y), (normal(4),), np.exp2),
    Case("Reciprocal", ops.reciprocal, (positive(3, 4),), np.reciprocal),
    Case("Square", ops.square, (normal(3, 4),), lambda x: x * x),
    # elementary
    Case("Exp", ops.exp, (normal(3, 4),), np.exp),
    Case("Exp2", ops.exp2, (normal(3, 4),), lambda x: 2.0**x),
    Case("Expm1", ops.expm1, (normal(3, 4),), np.expm1),
    Case("Log", ops.log, (positive(3, 4),), np.log),
    Case("Log2", ops.log2, (positive(3, 4),), np.log2),
    Case("Log10", ops.log10, (positive(3, 4),), np.log10),
    Case("Log1p", ops.log1p, (positive(3, 4) - 0.8,), np.log1p),
    Case("Sqrt", ops.sqrt, (positive(3, 4),), np.sqrt),
    Case("Cbrt", ops.cbrt, (-positive(3, 4),), special.cbrt),
    Case("Tanh", ops.tanh, (normal(3, 4),), np.tanh),
    Case("Sigmoid", ops.sigmoid, (4 * normal(3, 4),), special.expit),
    Case(
        "Where",
        lambda x, y: ops.where(normal(3, 4, seed=5) > 0, x, y),
        (normal(3, 4), normal(4)),
        lambda x, y: np.where(normal(3, 4, seed=5) > 0, x, y),
        broadcasts=True,
    ),
    # special
    Case("XLogY", ops.xlogy, (normal(3, 4), positive(4)), special.xlogy, broadcasts=True),
    Case("XLogY", lambda y: ops.xlogy(0.0, y), (np.array([0.0, 3.0]),), np.zeros_like),
    Case("XLogY", ops.xlogy, (np.array([0.0, 2.0]), np.array([3.0, 0.5])), special.xlogy),
    Case("XLog1PY", ops.xlog1py, (normal(3, 4), positive(4)), special.xlog1py, broadcasts=True),
    Case("XLog1PY", ops.xlog1py, (np.array([0.0, 2.0]), np.array([3.0, -0.5])), special.xlog1py),
    Case("Entr", ops.entr, (positive(3, 4),), special.entr),
    Case(
        "KLDivergence",
        divergence.kl_divergence,
        (rows(6, 4).reshape(3, 2, 4), rows(6, 4)[::-1].reshape(3, 2, 4) * 1.5),  # off the simplex
        lambda p, q: special.rel_entr(p, q).sum(axis=-1),
    ),
    Case(
        "KLDivergence",
        lambda p, q: divergence.kl_divergence(p, q, (0, 1)),
        (rows(2, 3) / 2, rows(2, 3)[::-1] / 2),
        lambda p, q: special.rel_entr(p, q).sum(),
    ),
    Case("Erf", ops.erf, (normal(3, 4),), special.erf),
    Case("Erfc", ops.erfc, (normal(3, 4),), special.erfc),
    Case("Sinc", ops.sinc, (normal(3, 4),), np.sinc),
    Case("Sinc", ops.sinc, (np.array([0.0, 1e-5, 0.02, -0.03, 0.04, 1.0]),), np.sinc),
    # trigonometry
    Case("Sin", ops.sin, (normal(3, 4),), np.sin),
    Case("Cos", ops.cos, (normal(3, 4),), np.cos),
    Case("Tan", ops.tan, (positive(3, 4) - 1,), np.tan),
    Case("ArcSin", ops.arcsin, (INSIDE,), np.arcsin),
    Case("ArcCos", ops.arccos, (INSIDE,), np.arccos),
    Case("ArcTan", ops.arctan, (normal(3, 4),), np.arctan),
    Case("ArcTan2", ops.arctan2, (normal(3, 4), positive(4)), np.arctan2, broadcasts=True),
    Case("ArcTan2", ops.arctan2, (positive(4), -positive(4, seed=1)), np.arctan2),
    Case("Hypot", ops.hypot, (normal(3, 4), positive(4)), np.hypot, broadcasts=True),
    Case("Sinh", ops.sinh, (normal(3, 4),), np.sinh),
    Case("Cosh", ops.cosh, (normal(3, 4),), np.cosh),
    Case("ArcSinh", ops.arcsinh, (normal(3, 4),), np.arcsinh),
    Case("ArcCosh", ops.arccosh, (1 + positive(3, 4),), np.arccosh),
    Case("ArcTanh", ops.arctanh, (INSIDE,), np.arctanh),
    Case("Multiply", ops.deg2rad, (normal(3, 4),), np.deg2rad),
    Case("Multiply", ops.rad2deg, (normal(3, 4),), np.degrees),
    # rounding
    Case("Abs", ops.abs, (normal(3, 4),), np.abs),
    Case("Sign", ops.sign, (normal(3, 4),), np.sign),
    Case("CopySign", ops.copysign, (normal(3, 4), normal(4)), np.copysign, broadcasts=True),
    Case("Floor", ops.floor, (normal(3, 4),), np.floor),
    Case("Ceil", ops.ceil, (normal(3, 4),), np.ceil),
    Case("Trunc", ops.trunc, (normal(3, 4),), np.trunc),
    Case("Round", ops.rint, (3 * normal(3, 4),), np.rint),
    Case("Round", lambda x: ops.round(x, 1), (normal(3, 4),), lambda x: np.round(x, 1)),
    Case("FloorDivide", ops.floor_divide, (normal(3, 4), positive(4)), np.floor_divide),
    Case("Remainder", ops.remainder, (normal(3, 4), positive(4)), np.mod, broadcasts=True),
    Case("Remainder", ops.remainder, (normal(3, 4), -positive(4)), np.mod),
    Case("Fmod", ops.fmod, (4 * normal(3, 4), positive(4)), np.fmod, broadcasts=True),
    # activations
    Case("Relu", ops.relu, (normal(3, 4),), lambda x: np.clip(x, 0, None)),
    Case("LogSigmoid", ops.log_sigmoid, (4 * normal(3, 4),), special.log_expit),
    Case(
        "LeakyRelu", lambda x: ops.leaky_relu(x, 0.2), (normal(3, 4),), lambda x: np.fmax(x, x / 5)
    ),
    Case("HardTanh", ops.hardtanh, (2 * normal(3, 4),), lambda x: np.fmin(np.fmax(x, -1), 1)),
    Case("HardTanh", ops.relu6, (4 * normal(3, 4),), lambda x: np.fmin(np.fmax(x, 0), 6)),
    Case("Elu", ops.elu, (normal(3, 4),), lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    Case(
        "Elu",
        lambda x: ops.elu(x, alpha=2.0),
        (normal(3, 4),),
        lambda x: np.where(x > 0, x, 2 * np.exp(x) - 2),
    ),
    Case("Elu", ops.selu, (normal(3, 4),), selu_truth),
    Case("Softplus", ops.softplus, (4 * normal(3, 4),), lambda x: np.log1p(np.exp(x))),
    Case(
        "Softplus",
        lambda x: ops.softplus(x, beta=3.0),
        (normal(3, 4),),
        lambda x: np.log1p(np.exp(3 * x)) / 3,
    ),
    Case("Silu", ops.silu, (4 * normal(3, 4),), lambda x: x * special.expit(x)),
    Case(
        "Dropout",
        lambda x: ops.dropout(x, 0.4, rng=5),
        (normal(3, 4),),
        lambda x: np.where(np.random.default_rng(5).random((3, 4), np.float32) < 0.4, 0, x / 0.6),
    ),
    Case("Gelu", ops.gelu, (2 * normal(3, 4),), lambda x: x * special.ndtr(x)),
    Case("GeluTanh", lambda x: ops.gelu(x, "tanh"), (normal(3, 4),), gelu_tanh_truth),
    Case("Divide", ops.softsign, (normal(3, 4),), lambda x: x / (1 + np.abs(x))),
    # selection
    Case("Maximum", ops.maximum, (normal(3, 4), normal(4)), np.maximum, broadcasts=True),
    Case("Minimum", ops.minimum, (normal(3, 4), normal(4)), np.minimum, broadcasts=True),
    Case("Fmax", ops.fmax, (normal(3, 4), normal(4)), np.fmax, broadcasts=True),
    Case("Fmin", ops.fmin, (normal(3, 4), normal(4)), np.fmin, broadcasts=True),
    Case("Clip", lambda x: ops.clip(x, -0.5, 1), (normal(3, 4),), lambda x: np.clip(x, -0.5, 1)),
    Case("Clip", lambda x: ops.clip(x, max=0.3), (normal(3, 4),), lambda x: np.fmin(x, 0.3)),
    Case(
        "ClipBetween",
        ops.clip,
        (normal(3, 4), normal(4) - 1, normal(3, 1) + 1),
        lambda x, low, high: np.fmin(np.fmax(x, low), high),
    ),
    Case("ClipBetween", ops.clip, (normal(3, 4), normal(4)), np.fmax),
    Case("NanToNum", ops.nan_to_num, (normal(3, 4),), np.asarray),
    Case("LogAddExp", ops.logaddexp, (normal(3, 4), normal(4)), np.logaddexp, broadcasts=True),
    Case("LogAddExp2", ops.logaddexp2, (normal(3, 4), normal(4)), np.logaddexp2, broadcasts=True),
    Case(
        "Where",
        lambda x, y: ops.select([x > 1, x > 0], [x, y * x], 3.0),
        (normal(3, 4), normal(4)),
        lambda x, y: np.select([x > 1, x > 0], [x, y * x], 3.0),
    ),
    # reduction
    Case("Sum", ops.sum, (normal(3, 4),), np.sum),
    Case("Sum", lambda x: ops.sum(x, axis=1), (normal(3, 4),), lambda x: np.sum(x, axis=1)),
    Case(
        "Sum",
        lambda x: ops.sum(x, axis=(0, -1), keepdims=True),
        (normal(2, 3, 4),),
        lambda x: np.sum(x, axis=(0, -1), keepdims=True),
    ),
    Case("Sum", ops.sum, (normal(),), np.asarray),
    Case("Mean", ops.mean, (normal(3, 4),), np.mean),
    Case("Mean", lambda x: ops.mean(x, axis=-2), (normal(3, 4),), lambda x: np.mean(x, axis=0)),
    Case("Max", ops.max, (normal(3, 4),), np.max),
    Case("Max", lambda x: ops.max(x, axis=0), (normal(3, 4),), lambda x: np.sort(x, axis=0)[-1]),
    Case(
        "Max",
        lambda x: ops.max(x, axis=(0, 2), keepdims=True),
        (normal(2, 3, 4),),
        lambda x: np.max(x, axis=(0, 2), keepdims=True),
    ),
    Case("Min", lambda x: ops.min(x, axis=-1), (normal(3, 4),), lambda x: np.sort(x)[:, 0]),
    Case("Max", ops.ptp, (normal(3, 4),), np.ptp),
    Case("Var", ops.var, (normal(3, 4),), np.var),
    Case(
        "Var",
        lambda x: ops.var(x, axis=(0, 2), keepdims=True, correction=1),
        (normal(2, 3, 4),),
        lambda x: np.var(x, axis=(0, 2), keepdims=True, ddof=1),
    ),
    Case("Std", ops.std, (normal(3, 4),), np.std),
    Case("Std", lambda x: ops.std(x, 1, ddof=1), (normal(3, 4),), lambda x: np.std(x, 1, ddof=1)),
    Case("Sum", ops.nansum, (normal(3, 4),), np.nansum),
    Case("Sum", lambda x: ops.nanmean(x, 0), (normal(3, 4),), lambda x: np.nanmean(x, 0)),
    Case("Sum", lambda x: ops.trace(x, 1), (normal(3, 4),), lambda x: np.trace(x, 1)),
    Case(
        "Sum",
        lambda x, w: ops.average(x, axis=1, weights=w),
        (normal(3, 4), positive(4)),
        lambda x, w: x @ w / w.sum(),
    ),
    # cumulative
    Case("CumSum", lambda x: ops.cumsum(x, 1), (normal(3, 4),), lambda x: np.cumsum(x, 1)),
    Case("CumSum", ops.cumsum, (normal(3, 4),), np.cumsum),
    Case("CumProd", lambda x: ops.cumprod(x, 0), (ZEROS,), lambda x: np.cumprod(x, 0)),
    Case("CumProd", ops.cumprod, (normal(5),), np.cumprod),
    Case(
        "Recurrence",
        ops.recurrence,
        (np.array([[2.0, 0.0, 3.0]]), np.array([[1.0, 4.0, 0.0]])),
        lambda a, b: np.array([[1.0, 4.0, 12.0]]),
    ),
    Case("Prod", ops.prod, (normal(5),), np.prod),
    Case("Prod", lambda x: ops.prod(x, 0), (ZEROS,), lambda x: np.prod(x, 0)),
    Case(
        "Prod",
        lambda x: ops.prod(x, (0, -1), keepdims=True),
        (normal(2, 2, 3),),
        lambda x: np.prod(x, (0, -1), keepdims=True),
    ),
    Case("Subtract", lambda x: ops.diff(x, 2, 0), (normal(5, 2),), lambda x: np.diff(x, 2, 0)),
    Case("Concatenate", ops.gradient, (normal(5),), np.gradient),
    Case(
        "Concatenate",
        lambda x: ops.gradient(x, [0.0, 0.5, 2.0, 3.0], axis=-1, edge_order=2),
        (normal(2, 4),),
        lambda x: np.gradient(x, [0.0, 0.5, 2.0, 3.0], axis=-1, edge_order=2),
    ),
    Case(
        "Add",
        lambda a, b: ops.linspace(a, b, 4),
        (normal(3), normal(2, 1)),
        lambda a, b: np.linspace(a, b, 4),
    ),
    Case(
        "Transpose",
        lambda a: ops.linspace(1.0, a, 3, endpoint=False, axis=-1),
        (normal(2),),
        lambda a: np.linspace(1.0, a, 3, endpoint=False, axis=-1),
    ),
    # shape
    Case("Reshape", lambda x: ops.reshape(x, (4, -1)), (normal(2, 6),), lambda x: x.reshape(4, 3)),
    Case("Transpose", ops.transpose, (normal(3, 4),), lambda x: x.T),
    Case(
        "Transpose",
        lambda x: ops.transpose(x, (2, 0, -2)),
        (normal(2, 3, 4),),
        lambda x: np.einsum("abc->cab", x),
    ),
    Case(
        "Transpose",
        lambda x: ops.swapaxes(x, 0, -1),
        (normal(2, 3, 4),),
        lambda x: np.einsum("abc->cba", x),
    ),
    Case(
        "Transpose",
        lambda x: ops.moveaxis(x, 0, -1),
        (normal(2, 3, 4),),
        lambda x: np.einsum("abc->bca", x),
    ),
    Case(
        "BroadcastTo",
        lambda x: ops.broadcast_to(x, (2, 3, 4)),
        (normal(3, 1),),
        lambda x: np.ones((2, 3, 4)) * x,
    ),
    Case("AsType", lambda x: ops.astype(x, np.float64), (normal(3),), np.asarray),
    Case("Reshape", lambda x: ops.squeeze(x, 1), (normal(3, 1, 2),), lambda x: x[:, 0]),
    Case("Reshape", lambda x: ops.expand_dims(x, (0, 2)), (normal(3),), lambda x: x[None, :, None]),
    Case(
        "Transpose", lambda x: ops.rollaxis(x, 2), (normal(2, 3, 4),), lambda x: np.rollaxis(x, 2)
    ),
    # joining
    Case(
        "Concatenate",
        lambda x, y: ops.concatenate([x, y, x], axis=-1),
        (normal(2, 3), normal(2, 1)),
        lambda x, y: np.concatenate([x, y, x], axis=-1),
    ),
    Case(
        "Concatenate",
        lambda x, y: ops.append(x, y),
        (normal(2, 3), normal(2, 1)),
        lambda x, y: np.append(x, y),
    ),
    Case(
        "Stack",
        lambda x, y: ops.stack([x, y, x], axis=-2),
        (normal(2, 3), normal(2, 3, seed=1)),
        lambda x, y: np.stack([x, y, x], axis=-2),
    ),
    Case("Roll", lambda x: ops.roll(x, 2), (normal(2, 3),), lambda x: np.roll(x, 2)),
    Case(
        "Roll",
        lambda x: ops.roll(x, (1, -2), (0, 1)),
        (normal(3, 4),),
        lambda x: np.roll(x, (1, -2), (0, 1)),
    ),
    Case("BroadcastTo", lambda x: ops.tile(x, (2, 3)), (normal(2),), lambda x: np.tile(x, (2, 3))),
    Case(
        "GetItem",
        lambda x: ops.repeat(x, [2, 0, 1], axis=1),
        (normal(2, 3),),
        lambda x: np.repeat(x, [2, 0, 1], axis=1),
    ),
    Case(
        "ScatterAdd",
        lambda x: ops.pad(x, ((1, 2), (0, 1)), constant_values=3.0),
        (normal(2, 3),),
        lambda x: np.pad(x, ((1, 2), (0, 1)), constant_values=3.0),
    ),
    Case("Multiply", ops.kron, (normal(2, 3), normal(2)), np.kron),
    # indexing
    Case("GetItem", lambda x: ops.flip(x, 1), (normal(2, 3),), np.fliplr),
    Case("GetItem", lambda x: ops.rot90(x, 3), (normal(2, 3),), lambda x: np.rot90(x, 3)),
    Case("GetItem", lambda x: ops.sort(x, 0), (normal(4, 3),), lambda x: np.sort(x, 0)),
    Case("GetItem", lambda x: ops.median(x, 1), (normal(3, 4),), lambda x: np.median(x, 1)),
    Case("GetItem", lambda x: ops.take(x, [[0, 0]], 1), (normal(2, 3),), lambda x: x[:, [[0, 0]]]),
    Case("GetItem", lambda x: ops.diagonal(x, -1), (normal(3, 4),), lambda x: np.diagonal(x, -1)),
    Case("ScatterAdd", lambda x: ops.diag(x, 1), (normal(3),), lambda x: np.diag(x, 1)),
    Case("Where", ops.tril, (normal(3, 4),), np.tril),
    Case("Where", lambda x: ops.triu(x, 1), (normal(2, 3, 4),), lambda x: np.triu(x, 1)),
    Case("GetItem", lambda x: x[1:, ::2], (normal(3, 4),), lambda x: x[1:, ::2]),
    Case(
        "GetItem", lambda x: x[[0, 0, 2]], (normal(3, 4),), lambda x: np.stack([x[0], x[0], x[2]])
    ),
    Case(
        "GetItem",
        lambda x: x[np.arange(4), LABELS],
        (normal(4, 3),),
        lambda x: np.take_along_axis(x, LABELS[:, None], 1)[:, 0],
    ),
    Case("GetItem", lambda x: x[..., None, -1], (normal(3, 4),), lambda x: x[:, [3]]),
    Case("GetItem", lambda x: x[normal(3, 4) > 0], (normal(3, 4),), lambda x: x[x > 0]),
    Case(
        "ScatterAdd",
        lambda x: ops.scatter_add(x, [1, 1, 0], (3,)),
        (normal(3),),
        lambda x: np.array([x[2], x[0] + x[1], 0.0]),
    ),
    # linear
    Case("Matmul", ops.matmul, (normal(3, 4), normal(4, 2)), lambda a, b: np.einsum("ij,jk", a, b)),
    Case("Matmul", ops.matmul, (normal(4), normal(4, seed=1)), np.inner),
    Case("Matmul", ops.matmul, (normal(3, 4), normal(4)), lambda a, b: np.einsum("ij,j", a, b)),
    Case("Matmul", ops.matmul, (normal(4), normal(4, 2)), lambda a, b: np.einsum("j,jk", a, b)),
    Case(
        "Matmul",
        ops.matmul,
        (normal(2, 1, 3, 4), normal(5, 4, 2)),
        lambda a, b: np.einsum("axij,bjk->abik", a, b),
    ),
    Case(
        "Matmul",
        ops.matmul,
        (normal(4), normal(2, 4, 3)),
        lambda a, b: np.einsum("j,bjk->bk", a, b),
    ),
    Case(
        "Matmul",
        ops.matmul,
        (normal(2, 3, 4), normal(4)),
        lambda a, b: np.einsum("bij,j->bi", a, b),
    ),
    Case(
        "Linear",
        ops.linear,
        (normal(5, 3), normal(3, 4), normal(4)),
        lambda x, w, b: np.einsum("ni,io->no", x, w) + b,
    ),
    Case("Matmul", ops.vdot, (normal(2, 3), normal(3, 2)), np.vdot),
    Case("Multiply", ops.outer, (normal(2), normal(3)), np.outer),
    Case("Einsum", ops.inner, (normal(2, 3), normal(4, 3)), np.inner),
    Case("Einsum", ops.dot, (normal(2, 3), normal(4, 3, 2)), np.dot),
    Case(
        "Einsum",
        lambda a, b: ops.tensordot(a, b, ([0, 2], [1, 0])),
        (normal(2, 3, 4), normal(4, 2)),
        lambda a, b: np.tensordot(a, b, ([0, 2], [1, 0])),
    ),
    Case("Multiply", ops.cross, (normal(2, 3), normal(2, 3, seed=1)), np.cross),
    # einsum
    *[
        Case(
            "Einsum",
            lambda *arrays, text=text: ops.einsum(text, *arrays),
            tuple(normal(*shape, seed=k) for k, shape in enumerate(shapes)),
            lambda *arrays, text=text: np.einsum(text, *arrays),
        )
        for text, *shapes in [
            ("ij,jk->ik", (2, 3), (3, 4)),
            ("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)),
            ("ij->i", (2, 3)),
            ("ii", (3, 3)),
            ("ii->i", (3, 3)),
            ("iij,j->i", (2, 2, 3), (3,)),
            ("iii->i", (2, 2, 2)),
            ("ba", (2, 3)),
            ("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
            ("i...->...", (2, 3)),
            ("ij,ij->", (1, 3), (2, 3)),
            ("i,j,k->kj", (2,), (3,), (2,)),
            (",i->i", (), (3,)),
        ]
    ],
    # softmax
    Case("Softmax", ops.softmax, (normal(3, 4),), lambda z: special.softmax(z, axis=-1)),
    Case(
        "Softmax",
        lambda z: ops.softmax(z, axis=0),
        (normal(3, 4),),
        lambda z: special.softmax(z, axis=0),
    ),
    Case("LogSoftmax", ops.log_softmax, (normal(3, 4),), lambda z: special.log_softmax(z, axis=-1)),
    Case("LogSumExp", ops.logsumexp, (normal(3, 4),), special.logsumexp),
    Case(
        "LogSumExp",
        lambda z: ops.logsumexp(z, axis=(0, -1), keepdims=True),
        (normal(2, 3, 4),),
        lambda z: special.logsumexp(z, axis=(0, -1), keepdims=True),
    ),
    # cross-entropy
    *[
        Case(
            "CrossEntropy",
            lambda z, p, r=reduction: tx.cross_entropy(z, p, reduction=r),
            (normal(4, 3), target),
            lambda z, p, r=reduction: cross_entropy_truth(z, p, r),
        )
        for reduction in ("mean", "sum", "none")
        for target in (LABELS, rows(4, 3), 2 * rows(4, 3))
    ],
    *[
        Case(
            "LinearCrossEntropy",
            lambda x, W, y, b, r=reduction, o=options: tx.linear_cross_entropy(
                x, W, y, b, reduction=r, **o
            ),
            (normal(4, 2), normal(2, 3), LABELS, normal(3)),
            lambda x, W, y, b, r=reduction, o=options: linear_cross_entropy_truth(
                x, W, y, b, r, **o
            ),
        )
        for reduction in ("mean", "sum", "none")
        for options in (
            {},
            {"weight": CLASS_WEIGHTS},
            {"label_smoothing": 0.1, "weight": CLASS_WEIGHTS},
            {"ignore_index": 1},
        )
    ],
    Case(
        "LinearCrossEntropy",
        lambda x, W: tx.linear_cross_entropy(x, W, LABELS.reshape(2, 2)),
        (normal(2, 2, 2), normal(2, 3)),
        lambda x, W: linear_cross_entropy_truth(x.reshape(4, 2), W, LABELS, 0.0),
    ),
    # losses
    *[
        Case(
            "BinaryCrossEntropyWithLogits",
            lambda x, y, w, r=reduction: tx.binary_cross_entropy_with_logits(
                x, y, pos_weight=w, reduction=r
            ),
            (normal(3, 4), rows(3, 4), positive(4)),
            lambda x, y, w, r=reduction: reduced(
                -y * w * special.log_expit(x) - (1 - y) * special.log_expit(-x), r
            ),
        )
        for reduction in ("mean", "none")
    ],
    Case(
        "BinaryCrossEntropy",
        lambda q, y: tx.binary_cross_entropy(q, y, reduction="none"),
        (rows(3, 4), rows(4, 3).reshape(3, 4)),
        lambda q, y: -special.xlogy(y, q) - special.xlog1py(1 - y, -q),
    ),
    *[
        Case(
            "SquaredError",
            lambda x, y, h=half: tx.mse_loss(x, y, reduction="sum", half=h),
            (normal(3, 4), normal(3, 4, seed=1)),
            lambda x, y, h=half: ((x - y) ** 2).sum() / (2 if h else 1),
        )
        for half in (False, True)
    ],
]
