"""One voice: every message names the op, says what was got and wanted, and what to do if it can."""

import re

import numpy as np
import pytest

import tinygrad_xent as tx


def words_of(x):
    return x[:50] if isinstance(x, str) else ""


A = tx.Tensor(np.ones((2, 3)), requires_grad=True)
B = tx.Tensor(np.ones((4, 5)), requires_grad=True)
V = tx.Tensor(np.ones(3), requires_grad=True)
HUGE = np.broadcast_to(0.0, 2**59)

SHAPES = [
    (lambda: A @ B, "matmul: (2, 3) @ (4, 5): inner sizes 3 and 4 differ; wanted a right operand"),
    (lambda: A @ 3.0, "matmul: (2, 3) @ (): a scalar has no inner axis; use * to scale"),
    (lambda: tx.linear(A, B), "matmul: (2, 3) @ (4, 5): inner sizes 3 and 4 differ"),
    (lambda: A + B, "add: shapes (2, 3) and (4, 5) do not broadcast: axis -1 has sizes 3 and 5"),
    (lambda: np.ones(4) * A, "multiply: shapes (4,) and (2, 3) do not broadcast"),
    (lambda: tx.where(A > 0, A, B), "where: shapes (2, 3) and (2, 3) and (4, 5) do not broadcast"),
    (lambda: A.reshape(4, 2), "reshape: cannot reshape array of size 6 into shape (4,2)"),
    (lambda: A.transpose(0, 0), "transpose: repeated axis"),
    (lambda: tx.broadcast_to(A, (4, 3)), "broadcast_to: got shape (2, 3); wanted one that"),
    (lambda: tx.squeeze(A, axis=0), "squeeze: axis 0 of (2, 3) has size 2; wanted 1"),
    (lambda: tx.concatenate([A, B]), "concatenate: arrays[1] has shape (4, 5), wanted (2, 3) exc"),
    (lambda: tx.concatenate([]), "concatenate: no arrays to join"),
    (lambda: tx.stack([A, B]), "stack: arrays[1] has shape (4, 5), wanted (2, 3)"),
    (lambda: tx.split(A, 2, axis=1), "split: axis 1 of size 3 in 2 parts; wanted a divisor of 3"),
    (lambda: tx.einsum("ij,jk->ik", A, B), "einsum: j has size 3, and 4 in operand 1"),
    (lambda: tx.einsum("i,i,i", V[:0], V[:1], V[:2]), "einsum: i has size 0, and 2 in operand 2"),
    (lambda: tx.einsum("i,i,i", V[:1], V, V[:2]), "einsum: i has size 3, and 2 in operand 2"),
    (lambda: tx.einsum("ii", A), "einsum: i has size 2, and 3 in operand 0"),
    (lambda: tx.einsum("i", A), "einsum: operand 0 has shape (2, 3), which 'i' does not name axis"),
    (lambda: tx.einsum("...ijk", A), "einsum: operand 0 has shape (2, 3), which '...ijk' does not"),
    (lambda: tx.einsum("...i...", A), "einsum: operand 0 has shape (2, 3), which '...i...' does"),
    (lambda: tx.einsum("..i", A), "einsum: operand 0 has shape (2, 3), which '..i' does not name"),
    (lambda: tx.einsum("ij->ii", A), "einsum: 'i' in the output; wanted each letter once, from"),
    (lambda: tx.einsum("", A), "einsum: operand 0 has shape (2, 3), which '' does not name axis"),
    (lambda: tx.einsum(), "einsum: no operands; wanted subscripts and arrays"),
    (lambda: tx.einsum("ij->ijk", A), "einsum: 'k' in the output"),
    (lambda: tx.einsum("ij,jk", A), "einsum: 'ij,jk' is for 2 operands; got 1"),
    (lambda: tx.take_along_axis(A, np.array([1]), 1), "take_along_axis: indices of shape (1,)"),
    (lambda: tx.repeat(A, [1, 2], axis=1), "repeat: repeats of shape (2,); wanted one count"),
    (lambda: tx.gradient(V, edge_order=3), "gradient: 0 spacings, edge_order=3; wanted one or 1"),
    (lambda: tx.gradient(A[:1]), "gradient: axis 0 has size 1; wanted 2 or more"),
    (lambda: tx.gradient(V, [0.0, 1.0]), "gradient: 2 places for the 3 samples of axis 0"),
    (lambda: tx.gradient(A, edge_order=2), "gradient: axis 0 has size 2; wanted 3 or more"),
    (lambda: tx.gradient(A, 1.0, 2.0, 3.0), "gradient: 3 spacings, edge_order=1; wanted one or 2"),
    (lambda: tx.gradient(A, 1.0, 2.0, axis=0), "gradient: 2 spacings, edge_order=1; wanted one"),
    (lambda: tx.gradient(V, edge_order=0), "gradient: 0 spacings, edge_order=0; wanted one or 1"),
    (lambda: tx.diff(V, -1), "diff: n=-1; wanted 0 or more"),
    (lambda: tx.take(V, [0], mode="edge"), "take: mode='edge'; wanted 'raise', 'clip' or 'wrap'"),
    (lambda: tx.diagonal(V), "diagonal: got shape (3,); wanted two axes or more"),
    (lambda: tx.array_split(A, 0), "array_split: 0 sections; wanted 1 or more"),
    (lambda: tx.roll(A, (1, 2), (0, 5)), "roll: axis 5 is out of bounds"),
    (lambda: tx.roll(A, (1, 2, 3), (0, 1)), "roll: shift=(1, 2, 3) along axis=(0, 1); wanted"),
    (lambda: tx.repeat(A, -1), "repeat: repeats of shape (); wanted one count that is not negat"),
    (lambda: tx.concatenate([V, A]), "concatenate: arrays[1] has shape (2, 3), wanted (3,) exc"),
    (lambda: tx.concatenate([HUGE, HUGE]), "concatenate: array is too big"),
    (lambda: tx.concatenate([A, A, A[:, :2]]), "concatenate: arrays[2] has shape (2, 2), wanted"),
    (lambda: tx.linspace(V, V, -1), "linspace: num=-1; wanted 0 or more"),
    (lambda: tx.diag(np.ones((2, 2, 2))), "diag: got shape (2, 2, 2); wanted one axis or two"),
    (lambda: tx.max(np.ones((0, 3)), axis=0), "max: zero-size array"),
    (lambda: setattr(A, "data", np.ones(3)), "data: got shape (3,), wanted (2, 3)"),
    (lambda: setattr(A, "grad", np.ones(3)), "grad: got shape (3,), wanted (2, 3)"),
    (lambda: (A * 2).backward(np.ones(3)), "backward: gradient has shape (3,), wanted (2, 3)"),
    (lambda: A.item(), "item: the Tensor has shape (2, 3); wanted a single element"),
    (lambda: bool(A), "bool: the truth value of a Tensor with more than one element is ambiguous"),
]
WITH_AXES = [
    *(tx.sum, tx.mean, tx.max, tx.min, tx.prod, tx.var, tx.std, tx.cumsum, tx.cumprod),
    *(tx.sort, tx.softmax, tx.log_softmax, tx.logsumexp),
]
TYPES = [
    (lambda: A + "x", "add: got a str, wanted a Tensor, an array or a number"),
    (lambda: A * None, "multiply: got a NoneType, wanted a Tensor, an array or a number"),
    (lambda: A + 1j, "add: got a complex"),
    (lambda: A ** np.array(["a"]), "power: got dtype <U1, wanted real numbers"),
    (lambda: tx.Tensor(["a"]), "Tensor: got dtype <U1; wanted real numbers"),
    (lambda: tx.Tensor(1j), "Tensor: got dtype complex128; wanted real numbers"),
    (lambda: tx.Tensor([[1], [1, 2]]), "Tensor: cannot make an array of numbers from list"),
    (lambda: tx.Tensor([1], requires_grad=True, dtype=int), "Tensor: dtype int64 cannot have a"),
    (lambda: A[1.5], "getitem: only integers, slices"),
    (lambda: A[A], "getitem: arrays used as indices must be of integer (or boolean) type"),
]
INSTEAD = [  # what is refused on purpose says what to write
    (lambda: A.__setitem__(0, 1.0), r"in place.*tx\.where\(mask, new, t\).*\.data"),
    (lambda: np.asarray(A), r"\.data or \.numpy\(\), or \.detach\(\) first"),
    (lambda: np.linalg.inv(A), r"np\.linalg\.inv is not defined for Tensors: use \.numpy\(\)"),
    (lambda: np.quantile(A, 0.5), r"np\.quantile is not defined"),
    (lambda: np.sum(A, out=np.zeros(())), r"np\.sum with out= is not defined"),
    (lambda: np.add(A, 1, out=np.zeros((2, 3))), r"np\.add with out= is not defined"),
    (lambda: np.add.reduce(A), r"np\.add\.reduce is not defined"),
    (lambda: np.copyto(A, 1), r"np\.copyto is not defined"),
    (lambda: A.backward(), r"not a scalar; take \.sum\(\) or \.mean\(\) first, or pass gradient="),
    (lambda: tx.Tensor(1.0).backward(), "requires_grad=True, or it was computed under no_grad"),
    (lambda: tx.grad((A * 2).sum(), V), "does not depend on .* allow_unused=True"),
]


@pytest.mark.parametrize(
    ("call", "start"), [*SHAPES, *TYPES], ids=lambda x: x[:50] if isinstance(x, str) else ""
)
def test_what_was_got_and_wanted(call, start):
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        call()
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize("f", WITH_AXES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("x", [A, np.ones((2, 3))], ids=["Tensor", "array"])
def test_an_axis_that_is_not_there(f, x):
    with pytest.raises(np.exceptions.AxisError, match=rf"^{f.__name__}: axis 5 is out of bounds"):
        f(x, axis=5)


@pytest.mark.parametrize(
    ("call", "words"), INSTEAD, ids=lambda x: x[:50] if isinstance(x, str) else ""
)
def test_what_to_write_instead(call, words):
    with pytest.raises((TypeError, RuntimeError)) as caught:
        call()
    assert re.search(words, str(caught.value), re.S)


def test_a_comparison_as_a_condition():
    with pytest.raises(ValueError, match=r"ambiguous\. Use a\.any\(\) or a\.all\(\)"):
        bool(A > 0)
