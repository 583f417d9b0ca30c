"""What the player and explain() tell is what the engine does, also where a rule is wrong."""

import json
import re

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent.draw.local import check_leaf, local_derivative
from tinygrad_xent.draw.stages import explanation, lines_about
from tinygrad_xent.draw.story import edge_id
from tinygrad_xent.draw.summary import summarize
from tinygrad_xent.draw.tape import story_of
from tinygrad_xent.draw.words import literal

try:
    from cases import CASES
except ImportError:
    CASES = []


def leaf(data, name=None):
    return tx.Tensor(np.asarray(data, np.float64), requires_grad=True, name=name)


def tensors_of(case):
    return [
        tx.Tensor(a, requires_grad=True)
        if isinstance(a, np.ndarray) and a.dtype.kind == "f"
        else tx.Tensor(a)
        if isinstance(a, np.ndarray)
        else a
        for a in case.arrays
    ]


def kinds(story):
    return [moment.kind for moment in story.moments]


class Wrong(tx.Op):
    """A square whose rule forgets the 2."""

    name = "wrong"

    @tx.formula("x²")
    def forward(self, x):
        return x * x

    @tx.formula("ḡ ⊙ x")
    def vjp_x(self, g, y, x):
        return g * x


# --- local derivatives ----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_local_derivatives_times_what_arrives_is_what_is_sent(case):
    y = case.f(*tensors_of(case))
    if not isinstance(y, tx.Tensor) or not y.requires_grad:
        return
    seed = np.random.default_rng(0).normal(size=y.shape)
    story = story_of(y, seed=seed, check=False)
    nodes = {node.id: node for node in story.graph.tensors}
    made = {op.id: op.result for op in story.graph.ops}
    for edge in story.graph.edges:
        local = story.local.get(edge_id(edge))
        if local is None or edge.term is None or edge.term.elements is None:
            continue
        arrived = nodes[made[edge.op]].gradient.elements
        assert arrived is not None
        with np.errstate(all="ignore"):
            sent = np.array(local.jacobian).T @ np.array(arrived)
        if np.all(np.isfinite(local.jacobian)):
            np.testing.assert_allclose(sent, edge.term.elements, rtol=1e-9, atol=1e-12)
        if local.diagonal:
            assert np.count_nonzero(local.jacobian) <= len(arrived)


def test_the_jacobian_of_softmax_is_diag_q_minus_q_q():
    z = leaf([2.0, 1.0, -0.1])
    q = np.exp(z.data) / np.exp(z.data).sum()
    local = local_derivative(tx.softmax(z), 0)
    np.testing.assert_allclose(local.jacobian, np.diag(q) - np.outer(q, q), atol=1e-15)
    assert not local.diagonal


def test_an_element_of_a_product_needs_a_row_and_a_column():
    a, b = leaf(np.ones((2, 3))), leaf(np.arange(12.0).reshape(3, 4))
    local = local_derivative(a @ b, 0)
    # ∂L/∂a[0, 1] = Σ ḡ[0, :] b[1, :]: the second row of b, elements 4 to 7; of a itself, nothing.
    assert local.needs[1][1] == (4, 5, 6, 7)
    assert local.needs[0][1] == ()
    row = np.array(local.jacobian)[:, 1]  # which elements of the result depend on a[0, 1]
    np.testing.assert_array_equal(np.flatnonzero(row), [0, 1, 2, 3])
    np.testing.assert_array_equal(row[:4], b.data[1])


def test_a_rule_that_takes_its_own_input_needs_that_element():
    x = leaf([1.0, 2.0])
    assert local_derivative(tx.exp(x), 0).needs == (((0,), (1,)),)
    assert local_derivative(tx.relu(x), 0).needs == (((), ()),)


def test_large_arrays_are_not_taken_apart():
    assert local_derivative(leaf(np.ones((9, 9))) * 2.0, 0) is None


@pytest.mark.parametrize(
    ("make", "verdict"),
    [
        (lambda x: (x * x).sum(), "approximate"),
        (lambda x: (x * 2.0).sum(), "approximate"),
        (lambda x: tx.apply(Wrong(), x).sum(), "different"),
    ],
)
def test_a_gradient_beside_finite_differences(make, verdict):
    x = leaf(np.linspace(-1, 2, 40))
    y = make(x)
    y.backward()
    check = check_leaf(y, x, x.grad, np.ones(()))
    assert check.verdict == verdict
    assert check.compared == 8  # of 40


@pytest.mark.parametrize(
    "make",
    [lambda: tx.relu(leaf([0.0, 1.0])), lambda: tx.sqrt(leaf([0.0])), lambda: leaf([np.nan])],
)
def test_where_nothing_can_be_compared_nothing_is_called_different(make):
    with np.errstate(all="ignore"):
        story = story_of((make() * 2.0).sum())
    assert [check.verdict for check in story.checks.values()] == ["not comparable"]


def test_a_rule_that_refuses_to_be_taken_apart_is_played_all_the_same():
    class Proud(tx.Op):
        name = "proud"

        @tx.formula("2x")
        def forward(self, x):
            return 2 * x

        @tx.formula("2ḡ")
        def vjp_x(self, g, y, x):
            if not np.all(g):
                raise RuntimeError("zeros are beneath me")
            return 2 * g.copy()

    story = story_of(tx.apply(Proud(), leaf([1.0, 2.0], "x")).sum())
    assert story.moments[-1].shows == ("2", "2")
    assert "t0-o0-0" not in story.local


def test_float32_is_checked_in_float64():
    x = tx.Tensor([1000.0, 0.001], requires_grad=True)
    y = tx.cross_entropy(x * 0.01, 1)
    y.backward()
    assert check_leaf(y, x, x.grad, np.ones(())).verdict == "approximate"
    assert y.op.saved["q_minus_p"].dtype == np.float32  # running it again left the op alone


# --- moments --------------------------------------------------------------------------------------


def test_x_times_x_sends_two_terms():
    story = story_of(leaf(3.0, "x") * leaf(1.0, "one"))
    assert kinds(story) == ["start", "fwd", "seed", "vjp", "done", "vjp", "done"]
    x = leaf(3.0, "x")
    story = story_of(x * x)
    assert [(m.kind, m.at, m.count, m.shows) for m in story.moments[2:]] == [
        ("seed", "t1", None, ("1",)),
        ("vjp", "t0-o0-0", None, None),
        ("acc", "t0", (1, 2), ("3",)),
        ("vjp", "t0-o0-1", None, None),
        ("acc", "t0", (2, 2), ("6",)),
        ("done", "t0", None, ("6",)),
    ]
    assert story.moments[-1].sentence == "∂L/∂x is complete, both terms are in: 6."
    assert x.grad is None


def test_broadcasting_is_undone_in_a_moment_of_its_own():
    b = leaf([1.0, 2.0], "b")
    story = story_of((leaf(np.ones((3, 2)), "x") + b).sum())
    reduce = next(m for m in story.moments if m.kind == "reduce")
    assert reduce.sentence == (
        "b of shape (2,) had been stretched to (3, 2) by broadcasting: what came back is summed "
        "over axis 0: [3 3]."
    )


def test_what_is_saved_is_said_with_its_bytes():
    story = story_of(tx.cross_entropy(leaf([[2.0, 1.0, -0.1]], "z"), [1]))
    save = next(m for m in story.moments if m.kind == "save")
    assert save.sentence == "cross_entropy saves q - p (24 B) for the way back."


def test_a_wrong_rule_shows_its_wrong_numbers():
    x = leaf([1.0, 3.0], "x")
    story = story_of(tx.apply(Wrong(), x).sum())
    assert story.moments[-1].shows == ("1", "3")  # not 2 and 6
    assert story.checks["t0"].verdict == "different"
    local = story.local["t0-o0-0"]
    assert local.jacobian == ((1.0, 0.0), (0.0, 3.0))


def test_backward_of_another_number_begins_with_it():
    x = leaf(3.0, "x")
    loss = x * x
    loss.backward(5.0)
    seed = next(m for m in story_of(loss).moments if m.kind == "seed")
    assert (seed.sentence, seed.shows) == ("The way back begins: ∂L/∂L = 5.", ("5",))


# --- hooks ----------------------------------------------------------------------------------------


def clipped():
    """w = (1, -2) is used twice: 2 w = (2, -4), which a hook clips to (1, -1)."""
    w, calls = leaf([1.0, -2.0], "w"), []

    def clip(g):
        calls.append(g.copy())
        return g.clip(-1, 1)

    handle = w.register_hook(clip)
    return w, (w * w).sum(), calls, handle


def hooks_of(story):
    return [(m.at, m.sentence, m.shows) for m in story.moments if m.kind == "hook"]


CLIPPED = [("t0", "A hook of w changes ∂L/∂w: [2 -4] becomes [1 -1].", ("1", "-1"))]


def test_a_hook_is_told_and_not_called_again():
    w, loss, calls, handle = clipped()
    loss.backward()
    handle.remove()  # what it returned is known all the same
    story = story_of(loss)
    assert hooks_of(story) == CLIPPED
    assert kinds(story)[-2:] == ["done", "hook"]
    done = story.moments[-2]
    assert (done.shows, done.sentence[-8:]) == (("2", "-4"), " [2 -4].")
    tx.play(loss)
    tx.make_dot(loss)
    text = explanation(w)
    assert len(calls) == 1
    np.testing.assert_array_equal(w.grad, [1.0, -1.0])
    assert "∂L/∂w = [1 -2] + [1 -2] = [2 -4]\nA hook of w changes ∂L/∂w: [2 -4] becomes" in text
    assert "finite differences: not comparable: a hook changed this gradient" in text


def test_what_lies_behind_a_hook_cannot_be_compared_and_what_does_not_can():
    w, b = leaf([1.0, -2.0], "w"), leaf([1.0, 1.0], "b")
    h = tx.tanh(w)
    h.register_hook(lambda g: g * 10.0)
    loss = (h * b).sum()
    loss.backward()
    story = story_of(loss, {"h": h})
    checks = {node.name: story.checks[node.id] for node in story.graph.tensors[:2]}
    assert checks["w"].text == "not comparable: a hook changed a gradient on the way here"
    assert checks["b"].verdict == "approximate"
    assert hooks_of(story)[0][1] == "A hook of h changes ∂L/∂h: [1 1] becomes [10 10]."


def test_a_hook_is_told_as_it_was_recorded():
    _, loss, calls, _ = clipped()
    with tx.record() as tape:
        loss.backward()
    assert hooks_of(tape.story()) == CLIPPED
    assert [m.kind for m in tx.play(tape).steps][-3:] == ["done", "hook", "keep"]
    assert len(calls) == 1


@pytest.mark.parametrize("recorded", [True, False])
def test_a_hook_of_the_loss_itself(recorded):
    x = leaf(3.0, "x")
    loss = x * 2.0
    loss.register_hook(lambda g: g * 0.5)
    with tx.record() as tape:
        loss.backward()
    story = tape.story() if recorded else story_of(loss)
    assert [(m.kind, m.shows) for m in story.moments[2:4]] == [("seed", ("1",)), ("hook", ("0.5",))]
    assert next(node for node in story.graph.tensors if node.name == "x").gradient.low == 1.0
    assert story.checks["t0"].verdict == "not comparable"


def test_before_backward_a_hook_is_not_called_and_that_is_said():
    w, loss, calls, _ = clipped()
    story = story_of(loss)
    says = "w has a hook, which only backward() calls: ∂L/∂w is shown as it arrives."
    assert hooks_of(story) == [("t0", says, None)]
    assert calls == []
    assert story.graph.tensors[0].gradient.cells == ((2.0, -4.0),)
    assert story.checks["t0"].verdict == "approximate"
    assert says in explanation(w, of=loss)


def test_a_hook_that_changes_no_number_is_no_moment():
    w = leaf([1.0, -2.0], "w")
    w.register_hook(lambda g: g.clip(-9, 9))
    w.register_hook(lambda g: None)
    loss = (w * w).sum()
    loss.backward()
    story = story_of(loss)
    assert hooks_of(story) == []
    assert story.checks["t0"].verdict == "approximate"


def test_the_last_backward_is_the_one_whose_hooks_are_told():
    _, loss, calls, handle = clipped()
    loss.backward()
    handle.remove()
    loss.backward()
    assert hooks_of(story_of(loss)) == []
    assert len(calls) == 1


def test_a_drawing_shows_a_gradient_before_and_after_its_hook():
    _, loss, _, _ = clipped()
    loss.backward()
    source = tx.make_dot(loss).source
    assert "before its hook" in source
    node = tx.draw.snapshot(loss).tensors[0]
    assert (node.arrived.cells, node.gradient.cells) == (((2.0, -4.0),), ((1.0, -1.0),))


def test_no_gradient_is_wanted():
    story = story_of(tx.Tensor([1.0, 2.0]) * 2.0)
    assert kinds(story) == ["start"]  # nothing was recorded
    with tx.no_grad():
        assert kinds(story_of(leaf([1.0]) * 2.0)) == ["start"]


def test_a_graph_with_diamonds_is_told_once():
    y = leaf(1.0)
    for _ in range(12):
        y = y + y
    assert kinds(story_of(y)).count("fwd") == 12


# --- a training step as it happens ----------------------------------------------------------------


def test_a_recorded_step_is_told_with_its_update():
    w = leaf([1.0, -1.0], "w")
    optimizer = tx.optim.SGD([w], lr=0.25)
    with tx.record() as tape:
        loss = (w * w).sum()
        loss.backward()
        optimizer.step()
    steps = tx.play(tape).steps
    assert [m.kind for m in steps[-2:]] == ["keep", "update"]
    assert steps[-2].sentence == "w.grad was empty and holds the gradient now: [2 -2]."
    assert steps[-1].sentence == "w ← θ - 0.25 ḡ: from [1 -1] to [0.5 -0.5]."
    assert steps[-1].shows == ("0.5", "-0.5")
    node = tape.story().graph.tensors[0]
    assert node.value.cells == ((1.0, -1.0),)  # before the update
    assert node.now is None  # which a moment tells


def test_a_second_backward_adds_to_what_was_kept():
    w = leaf(3.0, "w")
    with tx.record() as tape:
        loss = w * 2.0
        loss.backward()
        loss.backward()
    assert tx.play(tape).steps[-1].sentence == (
        "w.grad held 2 from before; the gradient is added: 4. zero_grad() would have emptied it."
    )


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda p: tx.optim.SGD(p, 0.1, momentum=0.9), "θ - 0.1 v, v a running sum of ḡ"),
        (lambda p: tx.optim.SGD(p, 0.1, weight_decay=0.5), "θ - 0.1 (ḡ + 0.5 θ)"),
        (lambda p: tx.optim.Adam(p, 0.1), "θ - 0.1 m̂ / (√v̂ + 1e-08)"),
    ],
)
def test_optimizers_say_their_rule(make, rule):
    w = leaf(1.0, "w")
    optimizer = make([w])
    with tx.record() as tape:
        (w * w).backward()
        optimizer.step()
    assert f"w ← {rule}: from 1 to " in tx.play(tape).steps[-1].sentence


def test_recording_changes_nothing():
    def step(watch):
        rng = np.random.default_rng(0)
        model = tx.nn.MLP([3, 4, 2], rng=0)
        optimizer = tx.optim.Adam(model.parameters(), lr=0.1)
        x, y = rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
        for _ in range(3):
            optimizer.zero_grad()
            if watch:
                with tx.record():
                    tx.cross_entropy(model(x), y).backward()
                    optimizer.step()
            else:
                tx.cross_entropy(model(x), y).backward()
                optimizer.step()
        return model.state_dict()

    plain, watched = step(False), step(True)
    for name, array in plain.items():
        np.testing.assert_array_equal(watched[name], array)


def test_nothing_was_recorded():
    with tx.record() as tape:
        leaf(1.0) * 2.0
    with pytest.raises(ValueError, match=r"no backward\(\) ran inside the block"):
        tx.play(tape)


def test_a_second_root_may_be_older_than_the_first():
    x, w = leaf(3.0, "x"), leaf(2.0, "w")
    older, newer = x * x, w * w
    with tx.record() as tape:
        newer.backward()
        older.backward()
    story = tape.story()
    assert [node.name for node in story.graph.tensors] == ["x", "L"]
    assert story.moments[-1].shows == ("6",)


def test_the_last_walk_is_the_one_that_is_told():
    with tx.record() as tape:
        (leaf(1.0, "a") * 2.0).backward()
        (leaf(1.0, "b") * 3.0).backward()
    assert [node.name for node in tape.story().graph.tensors] == ["b", "L"]


# --- explain --------------------------------------------------------------------------------------


def test_explain_a_bias(capsys):
    x, b = tx.Tensor([[1.0, 2.0], [3.0, 4.0]], name="x"), leaf([0.5, 0.5], "b")
    loss = (x * 1.0 + b).sum()
    loss.backward()
    tx.explain(b)
    text = capsys.readouterr().out
    assert "stretched axes summed    Σ over axis 0, back to (2,)" in text
    assert "result                   ∂L/∂b = [2 2]" in text
    assert "element [0]: 1 × 1 + 1 × 1 = 2" in text
    assert "finite differences: approximate" in text


def test_explain_says_what_the_letters_of_a_rule_are():
    a, b = leaf(2.0, "a"), leaf(5.0, "b")
    loss = a * b
    loss.backward()
    assert "∂L/∂a = ḡ ⊙ y,  ḡ = ∂L/∂L,  y = b" in explanation(a)
    assert "∂L/∂b = ḡ ⊙ x,  ḡ = ∂L/∂L,  x = a" in explanation(b)


def test_a_formula_is_told_with_the_names_that_its_letters_stand_for():
    w, y = leaf(2.0, "w"), leaf(5.0, "y")
    loss = y * w  # whose op calls the first of them x and the second y
    loss.backward()
    assert (
        story_of(loss).moments[1].sentence == "multiply computes x ⊙ y, with x = y, y = w: L = 10."
    )
    assert explanation(w).startswith("∂L/∂w, where L = x ⊙ y = 10, with x = y, y = w\n")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: leaf(2.0, "x") * leaf(3.0, "y"), "multiply computes x ⊙ y: L = 6."),
        (lambda: leaf(2.0, "x") * 3.0, "multiply computes x ⊙ y, with y = 3: L = 6."),
        (
            lambda: leaf([[2.0]], "h") @ leaf([[3.0]], "v"),
            "matmul computes A B, with A = h, B = v: L = [6].",
        ),
        (
            lambda: tx.linear(leaf([[2.0]], "row"), leaf([[3.0]], "weight"), leaf([1.0], "c")),
            "linear computes x W + b, with x = row, W = weight, b = c: L = [7].",
        ),
        (
            lambda: tx.concatenate([leaf([1.0], "p"), leaf([2.0], "q")]),
            "concatenate computes the arrays, end to end along axis 0: concatenate = [1 2].",
        ),
    ],
)
def test_letters_are_told_only_where_they_differ(make, says):
    sentence = next(m.sentence for m in story_of(make()).moments if m.kind == "fwd")
    assert sentence == says


def test_the_rule_of_a_list_says_which_array_it_is():
    joined = tx.concatenate([leaf([1.0], "p"), leaf([2.0], "q")])
    sends = [m.sentence for m in story_of(joined.sum()).moments if m.kind == "vjp"][1:]
    assert sends == [
        "concatenate sends the part of ḡ that is array 0 to p: [1].",
        "concatenate sends the part of ḡ that is array 1 to q: [1].",
    ]


def test_a_long_name_is_shortened_in_sentences():
    name = "the_weight_of_" + 20 * "very_" + "long_name"
    story = story_of(tx.exp(leaf(0.0, name)))
    shown = "the_weight_of_very_…very_very_long_name"
    assert "with x = the_weight_of_very_" in story.moments[1].sentence
    assert all(len(m.sentence) < 150 for m in story.moments)
    assert name not in " ".join(m.sentence for m in story.moments) + explanation_of(story)
    assert shown[:19] in story.moments[0].sentence


def explanation_of(story):
    return "\n".join(lines_about(story, "t0"))


def test_a_constant_is_told_by_its_number():
    a = leaf(2.0, "a")
    loss = a * 5.0
    loss.backward()
    assert "∂L/∂a = ḡ ⊙ y,  ḡ = ∂L/∂L,  y = 5" in explanation(a)


def test_explain_after_a_second_backward():
    a = leaf(2.0, "a")
    loss = a * 5.0
    loss.backward()
    loss.backward()
    text = explanation(a)
    assert "∂L/∂a = 5" in text
    assert ".grad holds something else than this walk's gradient: 10" in text


def test_explain_after_clipping_claims_no_second_backward():
    a = leaf([3.0, 4.0], "a")
    loss = (a * a).sum()  # 2 a
    loss.backward()
    a.grad /= 10.0
    text = explanation(a)
    assert ".grad holds something else than this walk's gradient: [0.6 0.8]" in text
    assert "more than once" not in text + tx.play(loss).html


def test_what_is_not_finite_is_spelled_one_way():
    x = leaf([0.0, 4.0], "x")
    with np.errstate(all="ignore"):
        loss = (tx.sqrt(x) * np.array([np.nan, 1.0])).sum()
        loss.backward()
        text = explanation(x) + " ".join(m.sentence for m in story_of(loss).moments)
    assert "NaN" in text
    assert not re.search(r"\b(nan|inf)\b", text)


def test_explain_what_is_in_between_and_the_loss_itself():
    a = leaf([1.0, 2.0], "a")
    loss = tx.exp(a).sum()
    loss.backward()
    assert "from sum, for its x" in explanation(loss.inputs[0])
    assert "∂L/∂L = 1: the walk begins here" in explanation(loss)


def test_explain_the_gradient_of_another():
    a = leaf(2.0, "a")
    first, second = a * 3.0, a * 7.0
    first.backward()
    second.backward()
    assert "= 7" in explanation(a)
    assert "= 3" in explanation(a, of=first)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: explanation(leaf(1.0), of=leaf(1.0) * 2.0), "not part of what the loss"),
        (lambda: explanation((x := tx.Tensor([1.0])), of=(x * leaf(1.0)).sum()), "needs no grad"),
    ],
)
def test_explain_says_what_is_missing(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_what_backward_was_given_is_where_the_story_begins():
    x = leaf([1.0, 2.0], "x")
    y = x * x
    y.backward(np.array([1.0, 10.0]))
    text = explanation(x)
    assert "= [2 40]" in text
    assert ".grad holds" not in text
    z = leaf(3.0, "z")
    loss = z * z
    loss.backward(5.0)
    node = tx.draw.snapshot(loss).tensors[0]
    assert (node.gradient.cells, node.kept) == (((30.0,),), None)
    loss.backward()
    assert "= 6" in explanation(z)  # the last walk's


def test_explain_takes_tensors_only():
    with pytest.raises(TypeError, match="explain: got a int, wanted a Tensor"):
        tx.explain(3)


def test_explain_without_a_loss():
    (leaf(1.0) * 2.0).backward()  # which is gone at once
    with pytest.raises(ValueError, match=r"no backward\(\) was called on anything"):
        explanation(leaf(1.0))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_op_can_be_explained_and_played(case):
    y = case.f(*tensors_of(case))
    if not isinstance(y, tx.Tensor) or not y.requires_grad:
        return
    loss = y if y.size == 1 else (y * np.random.default_rng(0).normal(size=y.shape)).sum()
    with np.errstate(all="ignore"):
        loss.backward()
        story = story_of(loss)
    root = next(node for node in story.graph.tensors if node.role == "parameter")
    assert root.gradient is not None
    page = json.loads(re.search(r'id="data">(.*?)</script>', tx.play(loss).html, re.DOTALL)[1])
    assert len(page[0]["panes"][0]["moments"]) == len(story.moments)


# --- numbers as text ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (1.5, "1.5"),
        ([1.0, -0.25], "[1 -0.25]"),
        ([[1.0, 2.0], [3.0, 4.0]], "[1 2; 3 4]"),
        ([np.nan, np.inf, -np.inf], "[NaN Inf -Inf]"),
        (np.zeros(17), "(17,), from 0 to 0"),
        (np.full(20, np.nan), "(20,), from ? to ?, 20 NaN"),
        (np.zeros((0, 3)), "[]"),
        (1000.0, "1000"),
        (123456.0, "1.23e+05"),
        (np.array([np.nan, 2.0] * 20), "(40,), from 2 to 2, 20 NaN"),
    ],
)
def test_arrays_as_text(array, text):
    assert literal(summarize(np.array(array))) == text
