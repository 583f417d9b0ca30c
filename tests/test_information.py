"""Entropy and its kin: values from elsewhere, gradients inside and at the edge, the identities."""

import math
import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

import tinygrad_xent as tx
from tinygrad_xent import information

INF = np.inf
LN2 = math.log(2)
PAIRS = [information.cross_entropy, information.kl_divergence, information.jensen_shannon]
EACH_PAIR = pytest.mark.parametrize("f", PAIRS, ids=lambda f: f.__name__)


def pmfs(*shape, seed=0):
    p = np.random.default_rng(seed).gamma(0.7, size=shape) + 1e-3
    return p / p.sum(axis=-1, keepdims=True)


def leaf(x, dtype=np.float64):
    return tx.Tensor(np.asarray(x, dtype), requires_grad=True)


@st.composite
def distributions(draw, number=1, classes=None):
    k = classes or draw(st.integers(2, 6))
    weight = st.one_of(st.just(0.0), st.floats(1e-6, 1.0))
    rows = st.lists(weight, min_size=k, max_size=k).filter(lambda w: sum(w) > 0)
    found = [np.array(draw(rows)) for _ in range(number)]
    found = [p / p.sum() for p in found]
    return found if number > 1 else found[0]


def exact_kl(p, q):
    """KL of the distributions that floats p and q are proportional to, in 80 digits."""
    with mpmath.workdps(80):
        p, q = [[mpmath.mpf(float(x)) for x in r] for r in (p, q)]
        total_p, total_q = mpmath.fsum(p), mpmath.fsum(q)
        terms = (
            a / total_p * mpmath.log((a / total_p) / (b / total_q))
            for a, b in zip(p, q, strict=True)
            if a
        )
        return mpmath.fsum(terms)


# --- values --------------------------------------------------------------------------------------


def test_values_are_scipys():
    p, q = pmfs(5, 7), pmfs(5, 7, seed=1)
    p[0, 2] = 0
    p /= p.sum(axis=1, keepdims=True)
    near = {"rtol": 1e-13, "atol": 0}
    np.testing.assert_allclose(information.entropy(p), stats.entropy(p, axis=1), **near)
    kl = special.rel_entr(p, q).sum(axis=1)
    np.testing.assert_allclose(information.kl_divergence(p, q), kl, **near)
    np.testing.assert_allclose(
        information.cross_entropy(p, q), -special.xlogy(p, q).sum(axis=1), **near
    )
    m = (p + q) / 2
    js = (special.rel_entr(p, m).sum(axis=1) + special.rel_entr(q, m).sum(axis=1)) / 2
    np.testing.assert_allclose(information.jensen_shannon(p, q), js, **near)
    np.testing.assert_allclose(information.perplexity(p), np.exp(stats.entropy(p, axis=1)), **near)
    np.testing.assert_allclose(
        information.perplexity(p, q), np.exp(kl + stats.entropy(p, axis=1)), **near
    )


@pytest.mark.parametrize("size", [0.5, 1e-2, 3.2e-5, 1e-7, 1e-12])
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_kl_keeps_its_digits_near_0(size, classes):
    p = pmfs(classes, seed=3)
    q = p * (1 + size * np.random.default_rng(4).uniform(-1, 1, classes))
    q /= q.sum()
    wanted = exact_kl(p, q)
    error = abs(information.kl_divergence(p, q) / wanted - 1)
    assert error < (1e-13 if size > 1e-10 else 1e-3)  # of 1e-12, q - p itself has 4 digits
    js = information.jensen_shannon(p, q)
    m = p / 2 + q / 2
    assert abs(js / ((exact_kl(p, m) + exact_kl(q, m)) / 2) - 1) < (1e-12 if size > 1e-10 else 1e-3)


def test_kl_of_1e_9_to_12_digits():
    p = pmfs(20, seed=5)
    q = p * (1 + 8e-5 * np.random.default_rng(6).uniform(-1, 1, 20))
    q /= q.sum()
    wanted = exact_kl(p, q)
    assert 5e-10 < wanted < 2e-9
    assert abs(information.kl_divergence(p, q) / wanted - 1) < 1e-12
    by_definition = information.cross_entropy(p, q) - information.entropy(p)
    assert abs(by_definition / wanted - 1) > 1e-9  # which is why there is another way


@pytest.mark.parametrize("tiny", [1e-310, 5e-324, 1e-300])
def test_quotients_beyond_the_range_of_floats(tiny):
    p, q = np.array([tiny, 1.0]), np.array([0.5, 0.5])
    assert information.kl_divergence(p, q) == pytest.approx(LN2, rel=1e-15)
    wanted = 0.5 * math.log(0.5) - 0.5 * math.log(tiny) + 0.5 * math.log(0.5)
    assert information.kl_divergence(q, p) == pytest.approx(wanted, rel=1e-14)


def test_off_the_simplex_the_formula_holds():
    p, q = np.array([0.5, 1.0]), np.array([0.25, 3.0])
    kl = information.kl_divergence(p, q, check=False)
    assert kl == pytest.approx(special.rel_entr(p, q).sum(), rel=1e-14)


def test_impossible_outcomes():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert information.entropy([0.0, 1.0]) == 0
        assert not np.signbit(information.entropy([0.0, 1.0]))
        assert not np.signbit(information.cross_entropy([0.0, 1.0], [0.0, 1.0]))
        assert information.cross_entropy([0.5, 0.5], [1.0, 0.0]) == INF
        assert information.kl_divergence([0.5, 0.5], [1.0, 0.0]) == INF
        assert information.kl_divergence([1.0, 0.0], [0.5, 0.5]) == pytest.approx(LN2)
        assert information.kl_divergence([0.5, 0.5, 0.0], [0.5, 0.5, 0.0]) == 0
        assert information.jensen_shannon([1.0, 0.0], [0.0, 1.0]) == pytest.approx(LN2)
        assert information.perplexity([0.5, 0.5], [1.0, 0.0]) == INF


# --- shapes and dtypes ---------------------------------------------------------------------------


@EACH_PAIR
def test_leading_axes_broadcast(f):
    p, q = pmfs(3), pmfs(4, 5, 3, seed=1)
    wanted = [[f(p, row) for row in block] for block in q]
    np.testing.assert_allclose(f(p, q), wanted, rtol=1e-14)
    np.testing.assert_allclose(
        f(np.moveaxis(q, -1, 0), np.moveaxis(q[::-1], -1, 0), axis=0), f(q, q[::-1]), rtol=1e-13
    )


@EACH_PAIR
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(f, dtype):
    p, q = pmfs(4, 3).astype(dtype), pmfs(4, 3, seed=1).astype(dtype)
    assert f(p, q, units="bits").dtype == dtype
    x, y = leaf(p, dtype), leaf(q, dtype)
    value = f(x, y, units="bits")
    value.sum().backward()
    assert value.dtype == x.grad.dtype == y.grad.dtype == dtype
    np.testing.assert_array_equal(value.numpy(), f(p, q, units="bits"))


def test_a_list_beside_a_tensor_takes_its_dtype():
    q = leaf([0.5, 0.5], np.float32)
    assert information.kl_divergence([0.25, 0.75], q).dtype == np.float32
    assert information.entropy(leaf([0.5, 0.5], np.float32)).dtype == np.float32
    assert information.mutual_information(leaf([[0.5, 0.5]], np.float32)).dtype == np.float32


def test_kl_in_single_precision_keeps_its_digits():
    p = pmfs(10, seed=7).astype(np.float32)
    q = (p * (1 + 1e-3 * np.random.default_rng(8).uniform(-1, 1, 10))).astype(np.float32)
    q /= q.sum()
    assert abs(information.kl_divergence(p, q) / exact_kl(p, q) - 1) < 1e-5


# --- gradients -----------------------------------------------------------------------------------


@EACH_PAIR
def test_derivatives_inside(f):
    p, q = pmfs(2, 3, seed=2) * 0.9 + 1 / 30, pmfs(2, 3, seed=3) * 0.9 + 1 / 30
    tx.check_gradients(f, p, q, order=2)
    tx.check_gradients(lambda q: f(p[0], q, base=3), q, order=2)


def test_derivatives_of_the_others_inside():
    p = pmfs(2, 3, seed=2) * 0.9 + 1 / 30
    tx.check_gradients(information.entropy, p, order=2)
    tx.check_gradients(information.perplexity, p, order=2)
    tx.check_gradients(information.perplexity, p, p[::-1], order=2)
    tx.check_gradients(information.mutual_information, p / 2, order=2)
    tx.check_gradients(lambda q: information.brier(q, [0, 2]), p, order=2)
    tx.check_gradients(information.brier, p, p[::-1], order=2)
    tx.check_gradients(lambda q: information.spherical(q, [0, 2]), p, order=2)
    tx.check_gradients(information.spherical, p, p[::-1], order=2)


EDGE_P, EDGE_Q = [0.5, 0.5, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0]  # each case of the module's table


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("f", "by_p", "by_q"),
    [
        (information.cross_entropy, [LN2, INF, LN2, 0], [-1, -INF, 0, 0]),
        (information.kl_divergence, [1, INF, -INF, 0], [-1, -INF, 0, 0]),
        # (1/2) log(p/m) and (1/2) log(q/m), with m = (1/2, 1/4, 1/4, 0)
        (information.jensen_shannon, [0, LN2 / 2, -INF, 0], [0, -INF, LN2 / 2, 0]),
    ],
    ids=lambda f: getattr(f, "__name__", ""),
)
def test_gradients_at_the_edge(f, by_p, by_q, create_graph):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p, q = leaf(EDGE_P), leaf(EDGE_Q)
        got = tx.grad(f(p, q), (p, q), create_graph=create_graph)
    np.testing.assert_allclose(got[0].numpy(), by_p, rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(got[1].numpy(), by_q, rtol=1e-15, atol=1e-15)


def test_entropys_gradient_at_the_edge():
    p = leaf([1.0, 0.0])
    information.entropy(p).backward()
    np.testing.assert_array_equal(p.grad, [-1.0, INF])


@pytest.mark.parametrize("f", [information.cross_entropy, information.kl_divergence])
def test_second_derivatives_where_p_is_0(f):
    """What can be asked of the model: d²/dq² = p/q², which is 0 there, and d²/dp dq = -1/q."""
    p, q = leaf([1.0, 0.0]), leaf([0.25, 0.75])
    (by_q,) = tx.grad(f(p, q), q, create_graph=True)
    pq, qq = tx.grad(by_q.sum(), (p, q))
    np.testing.assert_allclose(qq.numpy(), [16, 0])
    np.testing.assert_allclose(pq.numpy(), [-4, -4 / 3])


def test_second_derivatives_of_kl_at_the_edge():
    with np.errstate(divide="ignore"):
        p, q = leaf(EDGE_P), leaf(EDGE_Q)
        by_p, by_q = tx.grad(information.kl_divergence(p, q), (p, q), create_graph=True)
        pp, pq = tx.grad(by_p, (p, q), np.ones(4))
        qp, qq = tx.grad(by_q, (p, q), np.ones(4))
    np.testing.assert_allclose(pp.numpy(), [2, 2, INF, 0])
    np.testing.assert_allclose(pq.numpy(), [-2, -INF, -2, 0])
    np.testing.assert_allclose(qp.numpy(), [-2, -INF, -2, 0])
    np.testing.assert_allclose(qq.numpy(), [2, INF, 0, 0])


def test_masked_classes_stay_out_of_kl_between_softmaxes():
    z = leaf([1.0, 2.0, -INF])
    p = np.array([0.5, 0.5, 0.0])
    information.kl_divergence(p, tx.softmax(z)).backward()
    np.testing.assert_allclose(z.grad, tx.softmax(z.numpy()) - p, atol=1e-15)


@pytest.mark.parametrize(
    "f", [information.entropy, lambda p: information.kl_divergence(p, [0.5] * 2)]
)
def test_0_times_an_infinite_slope_is_nan_with_a_warning(f):
    p = leaf([0.0, 1.0])
    with pytest.warns(RuntimeWarning, match="invalid value"):
        (0 * f(p)).backward()


def test_kl_and_cross_entropy_pull_the_logits_alike():
    p, z = pmfs(3, 4), np.random.default_rng(0).normal(size=(3, 4))
    grads = []
    for f in (information.cross_entropy, information.kl_divergence):
        x = leaf(z)
        f(p, tx.softmax(x)).sum().backward()
        grads.append(x.grad)
    np.testing.assert_allclose(grads[0], tx.softmax(z) - p, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(grads[1], grads[0], rtol=1e-13, atol=1e-15)


# --- properties ----------------------------------------------------------------------------------


@given(distributions(number=2))
def test_kl_is_the_price(pair):
    p, q = pair
    kl = information.kl_divergence(p, q)
    assert kl >= -1e-15
    assert information.kl_divergence(p, p) == 0
    if abs(p - q).max() > 1e-7:
        assert kl >= abs(p - q).sum() ** 2 / 2 * (1 - 1e-9)  # Pinsker
    parts = information.entropy(p) + kl
    assert information.cross_entropy(p, q) == pytest.approx(parts, rel=1e-12, abs=1e-12)


@given(distributions(number=2))
def test_jensen_shannon_is_symmetric_and_at_most_log_2(pair):
    p, q = pair
    js = information.jensen_shannon(p, q)
    assert js == information.jensen_shannon(q, p)
    assert -1e-15 <= js <= LN2 * (1 + 1e-15)
    assert information.jensen_shannon(p, p) == 0


@given(distributions(classes=3), distributions(number=3, classes=4))
def test_chain_rule_of_entropy(px, rows):
    """H(X, Y) = H(X) + H(Y|X), and I(X; Y) = H(Y) - H(Y|X)."""
    joint = px[:, None] * np.array(rows)
    given_x = px @ information.entropy(np.array(rows))
    both = information.entropy(joint, axis=(0, 1))
    assert both == pytest.approx(information.entropy(px) + given_x, abs=1e-12)
    told = information.entropy(joint.sum(axis=0)) - given_x
    assert information.mutual_information(joint) == pytest.approx(told, abs=1e-12)


@given(distributions(), distributions())
def test_independent_variables_tell_nothing(px, py):
    assert abs(information.mutual_information(np.outer(px, py))) < 1e-15
    assert abs(information.mutual_information(np.outer(py, px)[None], axis=(2, 1))[0]) < 1e-15


@given(distributions(number=2), st.sampled_from(["bits", "bans"]))
def test_units_convert(pair, units):
    base = {"bits": 2, "bans": 10}[units]
    for f in PAIRS:
        nats = f(*pair)
        assert f(*pair, units=units) == f(*pair, base=base) == nats / math.log(base)
        assert f(*pair, units="nats") == f(*pair, base=math.e) == nats
    h = information.entropy(pair[0])
    assert information.entropy(pair[0], units=units) == h / math.log(base)


@given(distributions(number=2), st.randoms(use_true_random=False))
def test_the_order_of_outcomes_does_not_matter(pair, random):
    order = list(range(len(pair[0])))
    random.shuffle(order)
    p, q = pair
    for f in PAIRS:
        assert f(p[order], q[order]) == pytest.approx(f(p, q), rel=1e-13, abs=1e-15)
    assert information.entropy(p[order]) == pytest.approx(information.entropy(p), rel=1e-13)


def test_the_entropy_of_a_coin():
    p = np.linspace(0, 1, 101)
    h = information.entropy(np.stack([p, 1 - p], axis=1), units="bits")
    assert h.argmax() == 50
    assert h[50] == 1
    assert h[0] == h[100] == 0
    np.testing.assert_allclose(h, h[::-1], rtol=1e-13)


# --- proper scores -------------------------------------------------------------------------------


def absolute(q, p, reduction):
    """Not proper, though it looks like one: the mean of |q - e_y| over labels drawn from p."""
    return (p * (1 - q)).sum(-1)


@given(distributions(number=2))
def test_scores_are_proper(pair):
    p, q = pair
    for score in (information.brier, information.spherical):
        at_truth, elsewhere = score(p[None], p[None]), score(q[None], p[None])
        assert elsewhere >= at_truth - 1e-15
        if abs(p - q).max() > 1e-4:
            assert elsewhere > at_truth
    assert information.brier(q[None], p[None]) - information.brier(p[None], p[None]) == (
        pytest.approx(((p - q) ** 2).sum(), abs=1e-14)
    )


def test_an_improper_score_is_lowest_at_a_corner():
    p, corner = np.array([0.6, 0.4]), np.array([1.0, 0.0])
    assert absolute(corner, p, "none") < absolute(p, p, "none")


@given(distributions(number=2))
def test_scores_of_p_are_means_over_labels(pair):
    p, q = pair
    labels = np.arange(len(p))
    rows = np.tile(q, (len(p), 1))
    for score in (information.brier, information.spherical):
        each = score(rows, labels, reduction="none")
        assert score(q[None], p[None]) == pytest.approx(p @ each, abs=1e-14)
    by_hand = ((rows - np.eye(len(p))) ** 2).sum(axis=1)
    np.testing.assert_allclose(information.brier(rows, labels, reduction="none"), by_hand)


def test_reductions_of_scores():
    q, y = pmfs(4, 3), [0, 1, 2, 1]
    for score in (information.brier, information.spherical):
        each = score(q, y, reduction="none")
        assert each.shape == (4,)
        assert score(q, y) == each.mean()
        assert score(q, y, reduction="sum") == each.sum()
    assert information.brier(leaf([[0.5, 0.5]], np.float32), [0]).dtype == np.float32


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (
            lambda i: i.entropy([[0.5, 0.5], [0.5, 0.4]]),
            ValueError,
            "entropy: row 1 of p sums to 0.9",
        ),
        (lambda i: i.entropy([1.5, -0.5]), ValueError, "p sums to 1 with smallest element -0.5"),
        (lambda i: i.entropy([np.nan, 1.0]), ValueError, "p sums to nan"),
        (lambda i: i.entropy(1.0), ValueError, "p is a single number"),
        (
            lambda i: i.kl_divergence([0.5, 0.5], [2.0, 1.0]),
            ValueError,
            "kl_divergence: q sums to 3",
        ),
        (lambda i: i.kl_divergence([0.5, 0.5], [1.0]), ValueError, r"shape \(2,\) and q of shape"),
        (
            lambda i: i.kl_divergence(pmfs(2, 3), pmfs(4, 3)),
            ValueError,
            r"\(2, 3\) and q .*\(4, 3\)",
        ),
        (lambda i: i.entropy([1.0], base=2, units="nats"), ValueError, "base=2 and units='nats'"),
        (lambda i: i.entropy([1.0], base=1), ValueError, "base=1; wanted a number above 1"),
        (lambda i: i.entropy([1.0], units="bit"), ValueError, "units='bit'; wanted 'nats', 'bits'"),
        (lambda i: i.mutual_information(pmfs(4)[None], axis=-1), ValueError, "wanted two axes"),
        (lambda i: i.brier([[0.5, 0.5]], [2]), IndexError, "label 0 is 2; wanted 0 to 1"),
        (lambda i: i.brier([[0.5, 0.5]], [-1]), IndexError, "label 0 is -1"),
        (lambda i: i.brier([[0.5, 0.5]], [[0]]), ValueError, r"y of shape \(1, 1\)"),
        (lambda i: i.brier([[0.5, 0.5]], [0], reduction="max"), ValueError, "reduction='max'"),
        (lambda i: i.spherical([[5.0, 0.5]], [0]), ValueError, "spherical: row 0 of q sums to 5.5"),
    ],
)
def test_errors(call, kind, says):
    with pytest.raises(kind, match=says):
        call(information)


def test_rounding_is_no_error_and_check_can_be_left_out():
    z = np.random.default_rng(0).normal(size=(50, 1000)).astype(np.float32)
    assert np.isfinite(information.entropy(tx.softmax(z))).all()
    assert np.isfinite(information.entropy(tx.softmax(z).astype(np.float16))).all()
    assert information.entropy([2.0, 2.0], check=False) == pytest.approx(-4 * LN2)
    assert information.entropy([0.1, 0.9], base=2, units="bits") == information.entropy(
        [0.1, 0.9], units="bits"
    )
