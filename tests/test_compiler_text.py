"""How generated programs read: the lines that a person would write, and no others."""

import re

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import TraceError, compile

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 4)).astype(np.float32), RNG.integers(3, size=8)


def training(model, optimizer, data=X, max_norm=None, **settings):
    """A training step on X and Y, compiled, and called twice: once there are no gradients yet."""

    @compile
    def step(x, y):
        loss = tx.cross_entropy(model(x), y, **settings)
        optimizer.zero_grad()
        loss.backward()
        if max_norm is not None:
            tx.nn.clip_grad_norm(model.parameters(), max_norm)
        optimizer.step()
        return loss

    step(data, Y)
    step(data, Y)
    return step


def body(compiled):
    """The lines of ``step`` without the blanks in front of comments."""
    _, _, text = compiled.source.partition("def step(")
    return [re.sub(r"  +#", "  #", line.strip()) for line in text.splitlines()]


def mlp(activation="relu"):
    return tx.nn.MLP([4, 5, 3], activation=activation, rng=0)


def test_sections_and_formulas():
    model = mlp()
    lines = body(training(model, tx.optim.SGD(model.parameters(), lr=0.1)))
    sections = [line for line in lines if line.startswith("#")]
    assert sections == ["# forward", "# backward", "# update"]
    backward = lines[lines.index("# backward") + 1 : lines.index("# update") - 1]
    assert backward == [
        "np.divide(q_minus_p, N, out=dz2)  # ḡ (q - p) / N: (8, 3)",
        "np.dot(dz2, W2.T, out=dh1)  # ḡ Wᵀ: (8, 5)",
        "np.dot(h1.T, dz2, out=dW2)  # xᵀ ḡ: (5, 3)",
        "np.dot(ones, dz2, out=db2)  # Σ ḡ over the rows: (3,)",
        "mask[...] = h1 > zero  # (8, 5)",
        "np.multiply(dh1, mask, out=dz1)  # ḡ ⊙ [x > 0]: (8, 5)",
        "np.dot(x.T, dz1, out=dW1)  # xᵀ ḡ: (4, 5)",
        "np.dot(ones, dz1, out=db1)  # Σ ḡ over the rows: (5,)",
    ]


def test_what_an_activation_made_keeps_its_name():
    model = mlp("tanh")
    lines = body(training(model, tx.optim.SGD(model.parameters(), lr=0.1)))
    assert [line.partition("  #")[0] for line in lines if "h1" in line and "z1" not in line] == [
        "np.dot(h1, W2, out=z2)",
        "np.dot(dz2, W2.T, out=dh1)",
        "np.dot(h1.T, dz2, out=dW2)",
        "np.multiply(h1, h1, out=t)",
    ]


def test_brackets_stand_where_they_are_needed():
    model = tx.nn.Linear(4, 3, rng=0)
    optimizer = tx.optim.AdamW(model.parameters(), lr=0.1)
    text = "\n".join(body(training(model, optimizer)))
    for expression in ("(1 - beta2 ** t) ** 0.5", "lr / (1 - beta1 ** t)", "1 - lr * weight_decay"):
        assert f"np.array({expression}, np.float32)" in text, expression


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (lambda a, b: a - (b - a), "a - (b - a)"),
        (lambda a, b: (a - b) - a, "a - b - a"),
        (lambda a, b: a / (b * a), "a / (b * a)"),
        (lambda a, b: a / b * a, "a / b * a"),
        (lambda a, b: (a + b) * a, "(a + b) * a"),
        (lambda a, b: a + b * a, "a + b * a"),
        (lambda a, b: (a**b) ** a, "(a ** b) ** a"),
        (lambda a, b: a ** (b**a), "a ** (b ** a)"),
        (lambda a, b: -(a**b), "-(a ** b)"),
        (lambda a, b: (-a) ** 2 * b, "(-a) ** 2 * b"),
        (lambda a, b: (a + b) % a, "(a + b) % a"),
        (lambda a, b: a * (b % a), "a * (b % a)"),
        (lambda a, b: (a * b) // a + b, "((a * b) // a) + b"),
    ],
)
def test_an_expression_says_what_was_computed(f, text):
    compiled = compile(lambda x, a, b: x + f(a, b))
    found = compiled(X, 1.5, 2.5)
    (line,) = [line for line in body(compiled) if "a" in line and "np.array(" in line]
    assert line.endswith(f"np.array({text}, np.float32)")
    assert np.array_equal(found, X + f(1.5, 2.5))


def test_numpys_short_names():
    def f(x):
        h = x.transpose(None).transpose()
        return (h**2).sum(axis=(1,)), (h**1).mean(axis=None, keepdims=False), np.exp(x.T), h**3.0

    compiled = compile(f)
    for found, wanted in zip(compiled(X), f(X), strict=True):
        assert found.tobytes() == wanted.tobytes()
    lines = body(compiled)
    for line in ("np.square(x, out=t)  # (8, 4)", "t_2 = t.sum(axis=1)  # (8,)"):
        assert line in lines
    assert any(line.endswith("= x.mean()") for line in lines)
    assert any("x ** 3.0" in line for line in lines)
    assert not any("transpose" in line or "** 1" in line for line in lines)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.complex128])
def test_powers_are_numpys_to_the_last_bit(dtype):
    def f(a, s):
        return a**2, a**2.0, a**1, a**1.0, a[0, 0] ** 2, a[0, 0] ** 1.0, s**2, s**1, a.sum() ** 2.0

    a, s = (RNG.normal(size=(5, 3)) * 3).astype(dtype), np.asarray(1.7).astype(dtype)
    for found, wanted in zip(compile(f)(a, s), f(a, s), strict=True):
        assert (type(found), found.dtype) == (type(wanted), wanted.dtype)
        assert found.tobytes() == wanted.tobytes()


def test_a_mask_is_of_numbers_only_where_nobody_wants_it_otherwise():
    def f(x):
        mask, other = x > 0, x < 1
        return (
            (x >= 1).astype(np.float32),
            other.astype(x.dtype) + mask * x,
            mask,
            mask.astype("f8"),
        )

    compiled = compile(f)
    for x in (X, -X):
        for found, wanted in zip(compiled(x), f(x), strict=True):
            assert found.dtype == wanted.dtype
            assert found.tobytes() == wanted.tobytes()
    assert "(x >= one).astype(np.float32)" in compiled.source
    assert "[...] = x < one" in compiled.source


def test_a_mask_of_numbers_that_is_made_twice():
    def f(x):
        once, twice = (x > 0).astype(np.float32), (x > 0).astype(np.float32)
        return once * 2, twice, twice[1:]

    compiled = compile(f)
    for found, wanted in zip(compiled(X), f(X), strict=True):
        assert found.tobytes() == wanted.tobytes()
    assert compiled.source.count("astype") == 1


def test_a_view_of_a_mask_of_numbers_keeps_its_memory():
    def f(x):
        view = (x > 0).astype(np.float32)[:, ::-1]
        return view * np.cos(np.sin(x))

    assert compile(f)(X).tobytes() == f(X).tobytes()


def test_a_single_number_compared():
    compiled = compile(lambda x: x * (x.sum() > 0).astype(np.float32))
    for x in (X, -X):
        assert np.array_equal(compiled(x), x * np.float32(x.sum() > 0))


def test_what_broadcasting_repeated_is_summed_over_the_axis_that_is_named():
    scale = tx.Tensor(np.ones((8, 1)), requires_grad=True, name="scale", dtype=np.float32)
    offset = tx.Tensor(np.ones(4), requires_grad=True, name="offset", dtype=np.float64)

    def step(x):
        scale.grad = offset.grad = None
        ((x + offset) * x * scale).sum().backward()

    compiled = compile(step)
    compiled(tx.Tensor(X))
    wide = compile(step)
    wide(tx.Tensor(X.astype(np.float64)))
    assert "Σ ḡ over axis 1: (8, 1)" in compiled.source
    assert "Σ ḡ over the rows: (4,)" in wide.source


def test_float64_beside_float32_is_said():
    model = tx.nn.Linear(4, 3, rng=0)
    optimizer = tx.optim.SGD(model.parameters(), lr=0.1)
    lines = body(training(model, optimizer, data=X.astype(np.float64)))
    assert "dW_2[...] = dW  # ḡ as float32: (4, 3)" in lines


def test_clipped_gradients_are_gradients():
    model = mlp()
    lines = body(training(model, tx.optim.SGD(model.parameters(), lr=0.1), max_norm=1.0))
    assert sum("out=dW1_2)" in line for line in lines) == 1
    assert not any("** 2" in line for line in lines)


def test_what_goes_into_a_softmax_is_z():
    v, w = (tx.Tensor(RNG.normal(size=s), requires_grad=True, name="v") for s in [(4, 4), (4, 3)])

    @compile
    def step(x, y):
        v.grad = w.grad = None
        loss = tx.cross_entropy(tx.tanh(x @ v) @ w, y)
        loss.backward()
        return loss

    step(tx.Tensor(X), Y)
    lines = [line.partition("  #")[0] for line in body(step)]
    assert "np.dot(matmul, v, out=z)" not in lines
    assert "np.dot(tanh, v_2, out=z)" in lines
    assert "losses, q_minus_p = softmax_xent(z, labels)" in lines
    assert "np.divide(q_minus_p, N, out=dz)" in lines


def test_what_is_asked_between_loss_and_backward_is_forward():
    model = mlp()

    def step(x, y):
        z = model(x)
        loss = tx.cross_entropy(z, y)
        right = (z.numpy().argmax(axis=1) == y).sum()
        loss.backward()
        return loss, right

    compiled = compile(step)
    compiled(X, Y)
    lines = body(compiled)
    assert max(k for k, line in enumerate(lines) if "argmax" in line) < lines.index("# backward")
    assert lines[lines.index("# backward") + 1].startswith("np.divide(q_minus_p, N, out=dz2)")


def test_the_long_road_by_hand():
    """-log q at the labels, as everybody writes it first: labels are an index."""
    results = []
    for wrap in (lambda f: f, compile):
        model = tx.nn.Linear(4, 3, rng=0)

        def step(x, y, model=model):
            log_q = tx.log_softmax(model(x), axis=1)
            loss = -log_q[np.arange(len(y)), y].mean()
            loss.backward()
            return loss.detach(), [p.grad for p in model.parameters()]

        f = wrap(step)
        loss, grads = f(X, Y)
        results.append([loss.numpy(), *grads])
    for eager, found in zip(*results, strict=True):
        assert eager.tobytes() == found.tobytes()
    assert "[rows, y]" in f.source
    assert "np.add.at(dlog_softmax, (rows, y), " in f.source


def test_labels_as_an_index_of_what_has_a_constant_gradient():
    table = tx.Tensor(RNG.normal(size=(3, 2)), requires_grad=True)

    def step(y):
        table.grad = None
        table[y].sum().backward()
        return table.grad

    compiled = compile(step)
    for labels in (Y, (Y + 1) % 3):
        wanted = np.repeat(np.bincount(labels, minlength=3)[:, None], 2, axis=1)
        assert np.array_equal(compiled(labels), wanted)


def test_a_condition_says_what_does_not_hold():
    model = tx.nn.Linear(4, 3, rng=0)
    optimizer = tx.optim.SGD(model.parameters(), lr=0.1)
    lines = body(training(model, optimizer, weight=np.ones(3, np.float32), label_smoothing=0.1))
    raised = [line for line in lines if line.startswith("raise")]
    assert 'raise Changed("not (t == 0)")' in raised
    assert 'raise Changed("label_smoothing <= 1")' in raised
    assert 'raise Changed("in_range")' in raised


def test_dropout_says_what_to_do():
    layers = tx.nn.Linear(4, 5, rng=0), tx.nn.Dropout(0.5, rng=0), tx.nn.Linear(5, 3, rng=0)
    model = tx.nn.Sequential(*layers)
    with pytest.raises(TraceError, match=r"random ones.*pass them in as an array"):
        training(model, tx.optim.SGD(model.parameters(), lr=0.1))


def test_one_block_for_lines_in_a_row_that_are_quiet_alike():
    def f(x):
        with np.errstate(divide="ignore", invalid="ignore"):
            a = np.log(x)
            b = np.sqrt(x) * 2
            return a / b

    compiled = compile(f)
    assert f(X).tobytes() == compiled(X).tobytes()
    assert sum("errstate" in line for line in body(compiled)) == 1
