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


class Frozen(Op):
    """A rule that leaves the graph: right, and nothing to differentiate."""

    @formula("x³")
    def forward(self, x):
        return x**3

    @formula("ḡ ⊙ 3 x², as a number")
    def vjp_x(self, g, y, x):
        return g * (3 * tx.Tensor(x).numpy() ** 2)


def test_a_rule_on_arrays_only_has_no_second_derivative():
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


class Off(Op):
    """x² y, whose rule for y is off by a factor."""

    @formula("x² y")
    def forward(self, x, y):
        return x * x * y

    @formula("2 ḡ ⊙ x ⊙ y")
    def vjp_x(self, g, out, x, y):
        return 2 * g * x * y

    @formula("ḡ ⊙ x² / 2")
    def vjp_y(self, g, out, x, y):
        return g * x * x / 2


def test_the_report_names_the_rule_among_others_and_all_numbers():
    def f(a, b):
        return (tx.exp(a) * apply(Off(), tx.sin(a), tx.tanh(b))).sum()

    with pytest.raises(AssertionError) as caught:
        tx.check_gradients(f, X, np.array([0.25, 2.0]))
    first, second = str(caught.value).split("\n")
    right = np.exp(0.5) * np.sin(0.5) ** 2 / np.cosh(0.25) ** 2
    v = float(first.split("finite differences ")[1].split(",")[0]) / right  # the random direction
    assert first.startswith("check_gradients: order 1, argument 1, element (0,) of b: ")
    got = float(first.split("the rule gives ")[1].split(",")[0])
    assert got == pytest.approx(v * right / 2, rel=1e-8)
    assert first.endswith("(relative error 0.5)")
    assert second == "  Off.vjp_y, ḡ ⊙ x² / 2, is off by itself"


def test_of_several_wrong_rules_the_first_is_named():
    f = lambda x: apply(Off(), x, cube_with(3, 1)(x))  # noqa: E731
    with pytest.raises(AssertionError, match=r"Cube\.vjp_x"):
        tx.check_gradients(f, X)


def test_the_report_names_the_rule_of_a_rule():
    with pytest.raises(AssertionError, match=r"order 2(.|\n)*Slope\.vjp_x, ḡ ⊙ 6 x, is off"):
        tx.check_gradients(lambda x: cube_with(1, 1.001)(tx.sin(x)), X)


def test_the_report_names_a_rule_that_is_right_but_not_when_differentiated():
    with pytest.raises(AssertionError, match=r"Frozen\.vjp_x, .*, is right, but not its order 2"):
        tx.check_gradients(lambda x: tx.exp(apply(Frozen(), x) * 0.1), X)


def test_where_no_rule_is_off_by_itself_none_is_named():
    detached = lambda x: x * x.detach()  # noqa: E731
    with pytest.raises(AssertionError) as caught:
        tx.check_gradients(detached, X, order=1)
    assert "\n" not in str(caught.value)
    assert "off by" in str(caught.value)


def test_arguments_are_named_as_the_tensor_or_the_function_names_them():
    for call, words in [
        (lambda: tx.check_gradients(cube_with(2, 1), tx.Tensor(X, name="w")), r"\) of w: the rule"),
        (lambda: tx.check_gradients(lambda *xs: cube_with(2, 1)(xs[0]), X), r"\(0,\): the rule"),
        (lambda: tx.check_gradients(lambda cubed: cube_with(2, 1)(cubed), X), r"of cubed:"),
    ]:
        with pytest.raises(AssertionError, match=words):
            call()


@pytest.mark.parametrize(
    ("f", "x", "kinks"),
    [
        (tx.relu, [-1.0, 0.0, 2.0], 1),
        (tx.abs, [0.0, 0.0, 1.0], 2),
        (lambda x: tx.maximum(x, 1.0), [0.0, 1.0, 2.0], 1),
        (lambda x: tx.max(x), [1.0, 1.0, 0.0], 2),
        (lambda x: tx.relu(x - 2e-6), [0.0, 1.0], 0),  # between x and x + h: a smaller h will do
        (lambda x: tx.sin(1000 * x), [0.3, 0.7], 0),  # bends much, but no kink
    ],
)
def test_kinks_are_known_and_counted(f, x, kinks):
    assert tx.check_gradients(f, np.array(x), order=1).kinks == kinks


def test_at_a_kink_a_number_outside_the_two_slopes_is_wrong():
    def relu_with(slope_at_0):
        class Relu(Op):
            @formula("max(x, 0)")
            def forward(self, x):
                return np.maximum(x, 0)

            @formula("ḡ where x > 0")
            def vjp_x(self, g, y, x):
                return g * np.where(x == 0, slope_at_0, x > 0)

        return lambda x: apply(Relu(), x)

    x = np.array([-1.0, 0.0, 1.0])
    for slope in (0.0, 0.3, 1.0):
        assert tx.check_gradients(relu_with(slope), x, order=1).kinks == 1
    for slope in (-0.1, 1.1):
        with pytest.raises(
            AssertionError, match=r"element \(1,\).*at a kink, where the slope is -?0 to the"
        ):
            tx.check_gradients(relu_with(slope), x, order=1)


def test_a_wrong_rule_beside_a_kink_is_found():
    class Relu(Op):
        @formula("max(x, 0)")
        def forward(self, x):
            return np.maximum(x, 0)

        @formula("ḡ")
        def vjp_x(self, g, y, x):
            return g * (1.001 * (x > 0))

    with pytest.raises(AssertionError, match=r"element \(0,\)"):
        tx.check_gradients(lambda x: apply(Relu(), x), np.array([1e-4, 0.0]), order=1)
    f = lambda x: cube_with(1.000_01, 1)(x) * 1e6  # noqa: E731 - large values: much rounding
    with pytest.raises(AssertionError, match="order 1"):
        tx.check_gradients(f, X, order=1)
    for offset in np.linspace(1e7, 2e7, 20):
        with pytest.raises(AssertionError, match=r"(?s)order 1.*off by.*Cube\.vjp_x"):
            tx.check_gradients(lambda x, c=offset: cube_with(1.01, 1)(x) + c, X, order=1)
        tx.check_gradients(lambda x, c=offset: cube_with(1, 1)(x) + c, X, order=1)


def test_functions_that_return_several_or_none():
    x = np.array([1.0, 2.0, 3.0])
    assert tx.check_gradients(lambda t: tx.split(t * t, 3), x).elements == 6
    assert tx.check_gradients(lambda t: 3.0, x, order=1).elements == 3  # flat, and known to be
    with pytest.raises(AssertionError, match="the rule gives 0, finite differences"):
        tx.check_gradients(lambda t: t.numpy() * 2, x)  # the gradient was lost on the way
