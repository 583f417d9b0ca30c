"""check_gradients finds wrong rules of either order, and names what it found."""

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import Op, apply, formula


def cube_with(first, second):
    """x³ whose rule is off by a factor, and whose rule's rule is too."""

    class Slope(Op):
        @formula("3 x²")
        def forward(self, x):
            return 3 * x * x

        @formula("ḡ ⊙ 6 x")
        def vjp_x(self, g, y, x):
            return g * (6 * second * x)

    class Cube(Op):
        @formula("x³")
        def forward(self, x):
            return x**3

        @formula("ḡ ⊙ 3 x²")
        def vjp_x(self, g, y, x):
            return g * apply(Slope(), x) * first

    return lambda x: apply(Cube(), x)


X = np.array([0.5, -1.5])


def test_right_rules_pass():
    result = tx.check_gradients(cube_with(1, 1), X, order=2)
    assert result.elements == 4
    assert 0 < result.largest_error < 1e-7


def test_a_wrong_first_derivative_is_named():
    with pytest.raises(AssertionError, match=r"order 1, argument 0, element \(0,\)"):
        tx.check_gradients(cube_with(1.01, 1), X, order=1)


def test_a_wrong_second_derivative_is_named():
    assert tx.check_gradients(cube_with(1, 1.001), X, order=1).elements == 2
    with pytest.raises(AssertionError, match="order 2"):
        tx.check_gradients(cube_with(1, 1.001), X, order=2)


def test_a_rule_on_arrays_only_has_no_second_derivative():
    class Frozen(Op):
        @formula("x³")
        def forward(self, x):
            return x**3

        @formula("ḡ ⊙ 3 x², as a number")
        def vjp_x(self, g, y, x):
            return g * (3 * tx.Tensor(x).numpy() ** 2)

    f = lambda x: apply(Frozen(), x)  # noqa: E731
    tx.check_gradients(f, X, order=1)
    with pytest.raises(AssertionError, match="order 2"):
        tx.check_gradients(f, X, order=2)


def test_several_arguments_and_those_held_fixed():
    a, b = tx.Tensor([1.0, 2.0], requires_grad=True), tx.Tensor([3.0, 4.0])
    assert tx.check_gradients(lambda a, b: a * b, a, b, order=1).elements == 2
    assert tx.check_gradients(lambda a, b: a * b, X, X, order=1).elements == 4
    labels = np.array([1])
    f = lambda z, y: tx.cross_entropy(z.reshape(1, 2), y)  # noqa: E731
    assert tx.check_gradients(f, X, labels, order=3).elements == 6


def test_a_nan_does_not_pass():
    class Nan(Op):
        @formula("x")
        def forward(self, x):
            return x * 1.0

        @formula("nan")
        def vjp_x(self, g, y, x):
            return g * np.nan

    with pytest.raises(AssertionError, match="the rule gives nan"):
        tx.check_gradients(lambda x: apply(Nan(), x), X, order=1)


def test_functions_that_do_not_depend_on_their_argument():
    assert tx.check_gradients(lambda x: tx.Tensor(2.0), X, order=2).largest_error == 0.0
    assert tx.check_gradients(lambda x: x * 2.0, X, order=2).largest_error < 1e-8


def test_a_forward_that_writes_into_its_input_is_caught():
    class Spoiler(Op):
        @formula("2 x, in place")
        def forward(self, x):
            x *= 2
            return x + 0.0

        @formula("2 ḡ")
        def vjp_x(self, g, y, x):
            return g * 2

    with pytest.raises(AssertionError, match="writes into argument 0"):
        tx.check_gradients(lambda x: apply(Spoiler(), x), X, order=1)


def test_inputs_are_left_alone():
    x = tx.Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
    tx.check_gradients(tx.exp, x)
    assert x.grad is None
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.numpy(), [1.0, 2.0])
