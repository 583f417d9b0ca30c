"""The op contract: what the making of a class checks, what apply does, what a rule may return."""

import weakref

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import Op, formula


def make(**members):
    return type("Made", (Op,), members)


@formula("x")
def forward(self, x):
    return x * 1.0


@formula("ḡ")
def vjp_x(self, g, y, x):
    return g


def test_a_complete_op_is_accepted():
    op = make(forward=forward, vjp_x=vjp_x)()
    assert (op.name, op.arguments, op.formula(), op.formula(0)) == ("made", ("x",), "x", "ḡ")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"forward": forward}, r"Made\.vjp_x: missing"),
        ({"forward": lambda self, x: x, "vjp_x": vjp_x}, r"Made\.forward: missing @formula"),
        ({"forward": forward, "vjp_x": lambda self, g, y, x: g}, r"vjp_x: missing @formula"),
        (
            {"forward": forward, "vjp_x": formula("ḡ")(lambda self, g, x: g)},
            "takes self, g, x; wanted self, g, y, x",
        ),
        ({"forward": forward, "vjp_x": vjp_x, "vjp_z": vjp_x}, r"vjp_z: forward takes no such"),
    ],
)
def test_an_incomplete_op_is_refused_when_the_class_is_made(members, words):
    with pytest.raises(TypeError, match=words):
        make(**members)


class Stack(Op):
    """An op of a list of inputs, with one rule for all."""

    def __init__(self, axis=0):
        self.axis = axis

    @formula("stack along {axis}")
    def forward(self, *arrays):
        return np.stack(arrays, axis=self.axis)

    @formula("slice i of ḡ along {axis}")
    def vjp_arrays(self, i, g, y, *arrays):
        return g[(slice(None),) * self.axis + (i,)]


def test_an_op_with_a_list_of_inputs():
    xs = [np.random.default_rng(k).standard_normal((2, 3)) for k in range(4)]
    tx.check_gradients(lambda *ts: tx.exp(tx.apply(Stack(1), *ts)), *xs, order=2)
    op = Stack(1)
    assert (op.argument(2), op.formula(2)) == ("arrays[2]", "slice i of ḡ along 1")


class Shifted(Op):
    """An op that may be given one input or two."""

    @formula("x + b")
    def forward(self, x, b=0.0):
        return x + b

    @formula("ḡ")
    def vjp_x(self, g, y, x, b=0.0):
        return 2 * g if np.ndim(b) else g  # so that we see what it was given

    @formula("ḡ")
    def vjp_b(self, g, y, x, b):
        return g


class Stretched(Op):
    """An op of one input, and of a setting that is never one."""

    @formula("k x")
    def forward(self, x, *, k=3.0):
        return k * x

    @formula("k ḡ")
    def vjp_x(self, g, y, x, k=3.0):
        return k * g

    vjp_k = tx.not_differentiable("a setting")


def test_an_op_may_have_inputs_that_are_left_out():
    x, b = (tx.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    results = tx.apply(Shifted(), x), tx.apply(Shifted(), x, b), tx.apply(Stretched(), x)
    assert [len(y.inputs) for y in results] == [1, 2, 1]
    assert all(y.inputs[0] is x and y.recorded[1] is x._array for y in results)
    assert [y.recorded[0].tolist() for y in results] == [[1, 2], [2, 4], [3, 6]]
    sum(results).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]  # 1 + 2 + 3
    assert b.grad.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("make", [lambda x: -x, lambda x: x.sum(0), lambda x: tx.apply(Stack(), x)])
def test_each_result_has_an_application_of_its_own(make):
    x = tx.Tensor([1.0, 2.0], requires_grad=True)
    results = [make(x) for _ in range(3)]
    sum(y.sum() for y in results).backward()
    applications = [y.op for y in results]
    assert len(set(map(id, applications))) == 3
    assert [y.op for y in results] == applications  # and keeps it
    assert len({type(op) for op in applications}) == 1
    kept = weakref.ref(results.pop().op)
    del applications
    assert kept() is None  # with its result


@pytest.mark.parametrize("slots", [("__dict__",), ("places", "shared")])
def test_attributes_of_an_op_may_have_any_names(slots):
    class Rounded(Op):
        __slots__ = slots

        def __init__(self):
            self.places, self.shared = 2, True

        forward = formula("round(x, {places})")(lambda self, x: np.round(x, self.places))
        vjp_x = formula("ḡ")(lambda self, g, y, x: g * self.shared)

    x = tx.Tensor([1.234], requires_grad=True)
    y = tx.apply(Rounded(), x)
    y.sum().backward()
    assert (y.tolist(), x.grad.tolist()) == ([pytest.approx(1.23)], [1.0])
    assert y.op.formula() == "round(x, 2)"


@pytest.mark.parametrize("other", [dict, list, Exception, tuple, int])
def test_an_op_may_be_something_else_too(other):
    both = type("Both", (Op, other), {"__slots__": (), "forward": forward, "vjp_x": vjp_x})
    x = tx.Tensor([2.0], requires_grad=True)
    op = both()
    y = tx.apply(op, x)
    y.backward()
    assert x.grad.tolist() == [1.0]
    assert y.op is op


def test_not_differentiable_says_so():
    class Choose(Op):
        keeps_integers = True

        @formula("x[k]")
        def forward(self, k, x):
            return x[k]

        vjp_k = tx.not_differentiable("a position")

        @formula("ḡ at k")
        def vjp_x(self, g, y, k, x):
            return tx.ops.scatter_add(g, k, x.shape)

    x = tx.Tensor([1.0, 2.0], requires_grad=True)
    tx.apply(Choose(), np.array(1), x).backward()
    np.testing.assert_array_equal(x.grad, [0.0, 1.0])
    wrong = tx.apply(Choose(), np.array(1), x)
    with pytest.raises(TypeError, match="a position has no gradient"):
        wrong.op.vjp(0, 1.0, *wrong.recorded)


def bad_op(result):
    return make(forward=forward, vjp_x=formula("?")(lambda self, g, y, x: result))


@pytest.mark.parametrize("shape", [(), (2,), (3, 2), (1, 3, 2)])
def test_a_rule_that_returns_the_wrong_shape_is_named(shape):
    x = tx.Tensor(np.ones((2, 3)), requires_grad=True)
    y = tx.apply(bad_op(np.ones(shape))(), x)
    with pytest.raises(ValueError, match=r"made\.vjp_x: returned shape .*, wanted \(2, 3\)"):
        y.backward(np.ones((2, 3)))


@pytest.mark.parametrize("result", [None, 1.0])
def test_a_rule_that_returns_no_array_is_named(result):
    x = tx.Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(TypeError, match=r"made\.vjp_x: returned a \w+, wanted an array"):
        tx.apply(bad_op(result)(), x).backward(np.ones((2, 3)))


def test_a_forward_may_return_a_python_number():
    total = formula("sum")(lambda self, x: float(x.sum()))
    x = tx.Tensor(np.ones(3), requires_grad=True)
    y = tx.apply(make(forward=total, vjp_x=formula("ḡ")(lambda s, g, y, x: g * (x * 0 + 1)))(), x)
    assert (y.shape, y.dtype) == ((), np.float64)
    y.backward()
    np.testing.assert_array_equal(x.grad, np.ones(3))


def test_formulas_show_attributes_of_instance_and_class_and_keep_other_braces():
    text = formula("{axis} {k} {x > 0} {nothing}")(lambda self, x: x * 1.0)
    op = make(forward=text, vjp_x=vjp_x, k=3)()
    op.axis = (0, 1)
    assert op.formula() == "(0, 1) 3 {x > 0} {nothing}"


def test_a_rule_that_returns_another_dtype_is_cast_to_the_arguments():
    x = tx.Tensor(np.ones(3, np.float32), requires_grad=True)
    tx.apply(bad_op(np.ones(3))(), x).backward(np.ones(3))
    assert x.grad.dtype == np.float32


def test_a_rule_is_called_only_where_a_gradient_is_needed():
    class Strict(Op):
        @formula("x + y")
        def forward(self, x, y):
            return x + y

        @formula("never")
        def vjp_x(self, g, out, x, y):
            raise AssertionError

        @formula("ḡ")
        def vjp_y(self, g, out, x, y):
            return g

    y = tx.Tensor(1.0, requires_grad=True)
    tx.apply(Strict(), tx.Tensor(2.0), y).backward()
    assert y.grad == 1.0


def test_the_result_has_the_type_of_the_first_tensor():
    class Mine(tx.Tensor):
        __slots__ = ()

    assert type(tx.exp(Mine([1.0]))) is Mine
    assert type(2.0 * Mine([1.0])) is Mine


def test_nothing_is_recorded_without_need():
    y = tx.exp(tx.Tensor([1.0]))
    assert (y.op, y.inputs, y.requires_grad) == (None, (), False)
    z = tx.exp(tx.Tensor([1.0], requires_grad=True))
    assert (z.op.name, len(z.inputs), z.requires_grad) == ("exp", 1, True)


def test_an_op_never_holds_its_output_value():
    z = tx.Tensor([[1.0, 2.0]], requires_grad=True)
    loss = tx.cross_entropy(z, [0])
    assert not any(isinstance(v, tx.Tensor) for v in vars(loss.op).values())
    assert set(loss.op.saved) == {"q_minus_p"}


def test_every_formula_can_be_shown():
    from cases import CASES

    for case in CASES:
        y = case.f(*(tx.Tensor(a, requires_grad=a.dtype.kind == "f") for a in case.arrays))
        for value in tx.backprop.order(y):
            if value.op:
                texts = [value.op.formula(), *map(value.op.formula, range(len(value.inputs)))]
                assert all(text and "{" not in text for text in texts)
