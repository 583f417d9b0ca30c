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


def cross_entropy_truth(z: Any, p: Any, reduction: str = "mean") -> Any:
    p = np.eye(z.shape[1])[p] if p.ndim == 1 else p
    losses = -special.xlogy(p, special.softmax(z, axis=1)).sum(axis=1)
    return {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[reduction]()


LABELS = np.array([0, 2, 1, 2])
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
    # elementary
    Case("Exp", ops.exp, (normal(3, 4),), np.exp),
    Case("Log", ops.log, (positive(3, 4),), np.log),
    Case("Sqrt", ops.sqrt, (positive(3, 4),), np.sqrt),
    Case("Abs", ops.abs, (normal(3, 4),), np.abs),
    Case("Sign", ops.sign, (normal(3, 4),), np.sign),
    Case("Tanh", ops.tanh, (normal(3, 4),), np.tanh),
    Case("Sigmoid", ops.sigmoid, (4 * normal(3, 4),), special.expit),
    Case("Relu", ops.relu, (normal(3, 4),), lambda x: np.clip(x, 0, None)),
    Case(
        "Where",
        lambda x, y: ops.where(normal(3, 4, seed=5) > 0, x, y),
        (normal(3, 4), normal(4)),
        lambda x, y: np.where(normal(3, 4, seed=5) > 0, x, y),
        broadcasts=True,
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
]
