"""The data room: what is in the files, what the toys promise, what a mistake is told."""

import copy
import hashlib
import os
import pickle
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import multivariate_normal

from tinygrad_xent import data

REAL = {  # name: shape of x, rows per class
    "digits": ((1797, 64), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
    "penguins": ((342, 4), [151, 68, 123]),
    "iris": ((150, 4), [50, 50, 50]),
    "wine": ((178, 13), [59, 71, 48]),
}
TOYS = ["moons", "spiral", "rings", "blobs", "xor"]
FOLDER = resources.files("tinygrad_xent.data")


def message(call, *args, **kwargs):
    """Return the text of the ValueError that the call must raise."""
    with pytest.raises(ValueError, match=r".") as caught:
        call(*args, **kwargs)
    return str(caught.value)


def dataset(**changes):
    parts = {
        "name": "made up",
        "x": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        "y": np.array([0, 1, 0]),
        "classes": ("no", "yes"),
        "features": ("height", "weight"),
        "source": "nowhere",
    }
    return data.Dataset(**(parts | changes))


# ---- the bundled sets -------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_real_sets_have_the_known_rows(name):
    shape, counts = REAL[name]
    d = data.load(name)
    assert d.name == name
    assert d.x.shape == shape
    assert d.x.dtype == np.float32
    assert d.y.dtype == np.int64
    assert np.bincount(d.y).tolist() == counts
    assert len(d) == shape[0]
    assert len(d.features) == shape[1]
    assert len(d.classes) == len(counts)
    assert all(type(text) is str for text in d.classes + d.features)
    assert d.posterior is None
    assert "LICENSES.md" in d.source
    assert repr(d) == f"Dataset({name!r}, x={shape}, y=({shape[0]},), classes={len(counts)})"


def test_digits_are_sixteenths():
    d = data.load("digits")
    assert d.x.min() == 0
    assert d.x.max() == 1
    sixteenths = d.x * 16
    assert np.array_equal(sixteenths, sixteenths.round())
    assert sixteenths.sum() == 561718  # scikit-learn: load_digits().data.sum()
    assert d.classes == tuple("0123456789")
    assert d.features[9] == "pixel_1_1"


@pytest.mark.parametrize(
    ("name", "classes", "first", "mean"),
    [
        ("penguins", ("Adelie", "Chinstrap", "Gentoo"), [39.1, 18.7, 181, 3750], 4201.754),
        ("iris", ("setosa", "versicolor", "virginica"), [5.1, 3.5, 1.4, 0.2], 1.199333),
        ("wine", ("class_0", "class_1", "class_2"), [14.23, 1.71, 2.43, 15.6], 746.8933),
    ],
)
def test_real_sets_hold_the_published_numbers(name, classes, first, mean):
    d = data.load(name)  # mean: of the last column, from the documentation of the set
    assert d.classes == classes
    assert d.x[0, :4].tolist() == np.array(first, np.float32).tolist()
    assert d.x[:, -1].mean(dtype=float) == pytest.approx(mean, rel=1e-6)


def test_units_are_in_the_names():
    assert data.load("penguins").features[2:] == ("flipper_length_mm", "body_mass_g")
    assert data.load("iris").features[0] == "sepal_length_cm"


@pytest.mark.parametrize("name", [*REAL, *TOYS])
def test_loads_share_nothing(name):
    first, second = data.load(name), data.load(name)
    assert np.array_equal(first.x, second.x)
    assert np.array_equal(first.y, second.y)
    kept = second.x.copy()
    first.x[:], first.y[:] = 0.5, 1
    assert np.array_equal(second.x, kept)
    assert np.array_equal(data.load(name).x, kept)


def test_files_are_those_of_the_licence_page():
    page = (FOLDER / "LICENSES.md").read_text(encoding="utf-8")
    hashes = dict(re.findall(r"sha256 of `(\w+)\.npz`: `([0-9a-f]{64})`", page))
    files = {path.name: path for path in FOLDER.iterdir() if path.name.endswith(".npz")}
    assert set(hashes) == set(REAL)
    assert {f"{name}.npz" for name in REAL} == set(files)
    for name, digest in hashes.items():
        assert hashlib.sha256(files[f"{name}.npz"].read_bytes()).hexdigest() == digest
        assert f"\n## {name}\n" in page
    assert sum(len(path.read_bytes()) for path in files.values()) < 60_000


def test_licence_page_and_rebuild_tool_name_the_same_sources():
    page = (FOLDER / "LICENSES.md").read_text(encoding="utf-8")
    sources = re.findall(r"sha256 of the source: `([0-9a-f]{64})`", page)
    tool = Path(__file__).with_name("tools") / "rebuild_data.py"
    assert sources == re.findall(r'"([0-9a-f]{64})"', tool.read_text(encoding="utf-8"))
    assert len(set(sources)) == 4


def test_files_need_no_pickle_and_keep_one_byte_labels():
    for name in REAL:
        path = FOLDER / f"{name}.npz"
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            assert sorted(file) == ["classes", "features", "x", "y"]
            assert file["y"].dtype == np.uint8
            assert file["x"].dtype == (np.uint8 if name == "digits" else np.float32)
            assert {file[key].dtype.kind for key in ("classes", "features")} == {"U"}


def test_room_loads_from_a_zip_and_imports_numpy_alone(tmp_path):
    # A wheel is a zip; and with an empty package around it, no other room can be imported.
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as package:
        package.writestr("tinygrad_xent/__init__.py", "")
        for path in Path(str(FOLDER)).rglob("*.*"):
            if path.name.endswith((".py", ".npz")):
                name = path.relative_to(str(FOLDER)).as_posix()
                package.writestr(f"tinygrad_xent/data/{name}", path.read_bytes())
    program = (
        "import sys\n"
        "import numpy.random\n"  # NumPy imports it late, and Cython with it
        "before = {m.partition('.')[0] for m in sys.modules}\n"
        "from tinygrad_xent import data\n"
        "assert '.zip' in data.__file__\n"
        "print([len(data.load(name)) for name in data.names()])\n"
        "new = {m.partition('.')[0] for m in sys.modules} - before\n"
        "print(sorted(new - set(sys.stdlib_module_names)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "package.zip")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "[1797, 342, 150, 178, 500, 500, 500, 500, 500]",
        "['tinygrad_xent']",
    ]


# ---- load -------------------------------------------------------------------------------------


def test_names_are_what_load_knows():
    assert data.names() == (*REAL, *TOYS)
    assert [data.load(name).name for name in data.names()] == list(data.names())
    assert data.load().name == "digits"


@pytest.mark.parametrize(
    ("args", "options", "said"),
    [
        (
            ["digit"],
            {},
            "unknown data set: 'digit'; did you mean 'digits'? Known: digits, penguins,",
        ),
        (["MOONS"], {}, "did you mean 'moons'?"),
        (
            ["mnist-1d"],
            {},
            "unknown data set: 'mnist-1d'. Known: digits, penguins, iris, wine, moons",
        ),
        ([3], {}, "unknown data set: 3. Known: digits"),
        (["iris"], {"n": 3}, "unknown option of 'iris': 'n'. Known: none"),
        (["moons"], {"nose": 3}, "'nose'; did you mean 'noise'? Known: n, seed, noise"),
        (["moons"], {"classes": 2}, "unknown option of 'moons': 'classes'. Known: n, seed, noise"),
        (["xor"], {"classes": 2}, "unknown option of 'xor': 'classes'"),
        (["blobs"], {"class": 2}, "did you mean 'classes'? Known: n, seed, noise, classes"),
        (["moons"], {"n": 1}, "n must be a whole number >= 2, got 1"),
        (["blobs"], {"n": 4, "classes": 5}, "n must be a whole number >= 5, got 4"),
        (["moons"], {"n": 10.0}, "n must be a whole number >= 2, got 10.0"),
        (["moons"], {"n": True}, "n must be a whole number >= 2, got True"),
        (["moons"], {"n": "10"}, "n must be a whole number >= 2, got '10'"),
        (["moons"], {"noise": 0}, "noise must be in 0.001 .. 1000, got 0"),
        (["moons"], {"noise": -1}, "noise must be in 0.001 .. 1000, got -1"),
        (["moons"], {"noise": 1001}, "noise must be in 0.001 .. 1000, got 1001"),
        (["moons"], {"noise": np.nan}, "noise must be a finite number, got nan"),
        (["moons"], {"noise": np.inf}, "noise must be a finite number, got inf"),
        (["moons"], {"noise": True}, "noise must be a finite number, got True"),
        (["moons"], {"noise": "0.1"}, "noise must be a finite number, got '0.1'"),
        (["moons"], {"seed": None}, "seed must be a whole number >= 0 or a numpy.random.Generator"),
        (["moons"], {"seed": -1}, "seed must be a whole number >= 0"),
        (["moons"], {"seed": 1.5}, "seed must be a whole number >= 0"),
        (["moons"], {"seed": True}, "seed must be a whole number >= 0"),
        (["spiral"], {"classes": 1}, "classes must be a whole number >= 2, got 1"),
        (["rings"], {"classes": 1}, "classes must be a whole number >= 2, got 1"),
        (["blobs"], {"classes": 2.5}, "classes must be a whole number >= 2, got 2.5"),
    ],
)
def test_load_says_what_is_wrong(args, options, said):
    assert said in message(data.load, *args, **options)


# ---- Dataset ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"x": np.zeros(3)}, "x must have shape (rows, features), both >= 1, got shape (3,)"),
        ({"x": np.zeros((0, 2))}, "got shape (0, 2)"),
        ({"x": np.zeros((3, 0)), "features": ()}, "got shape (3, 0)"),
        ({"x": np.zeros((3, 2), int)}, "x must be floating or uint8, got dtype int"),
        ({"x": np.zeros((3, 2), complex)}, "x must be floating or uint8, got dtype complex128"),
        ({"x": np.zeros((3, 3))}, "x has 3 columns, but features names 2"),
        (
            {"x": np.array([[1, 2], [3, np.nan], [np.inf, np.nan]])},
            "x must be finite, got nan in row 1, column 1 ('weight'); 2 of 3 rows",
        ),
        ({"x": np.array([[1, 2], [3, 4], [-np.inf, 5]])}, "got -inf in row 2, column 0 ('height')"),
        ({"x": np.array([[1, 2], [3, 4], [1e300, 5]])}, "got inf in row 2, column 0 ('height')"),
        ({"y": np.array([0.0, 1.0, 0.0])}, "y must be integers, got dtype float64"),
        ({"y": np.array([False, True, False])}, "y must be integers, got dtype bool"),
        ({"y": np.array([0, 1])}, "y must have shape (3,), a label per row of x, got shape (2,)"),
        ({"y": np.array([[0], [1], [0]])}, "got shape (3, 1)"),
        ({"y": np.array([0, 1, 2])}, "y must be in 0 .. 1, as there are 2 classes, got 2 in row 2"),
        ({"y": np.array([0, -1, 0])}, "got -1 in row 1"),
        ({"y": np.array([0, 2**63, 0], np.uint64)}, f"got {2**63} in row 1"),
        ({"classes": ("a", "a")}, "classes must have different names, got ('a', 'a')"),
        ({"classes": ()}, "got 0 in row 0"),
        ({"classes": "ab"}, "classes must be several names, got the text 'ab'"),
        ({"features": "ab"}, "features must be several names, got the text 'ab'"),
        ({"source": ""}, "source must be one line of text, got ''"),
        ({"source": "two\nlines"}, "source must be one line of text, got 'two\\nlines'"),
    ],
)
def test_constructor_says_what_is_wrong(changes, said):
    assert said in message(dataset, **changes)


def test_constructor_copies_and_converts():
    x, y = np.ones((3, 2), np.float32), np.array([0, 1, 0])
    d = dataset(x=x, y=y, classes=["no", "yes"])
    x[:], y[:] = 7, 1
    assert d.x.tolist() == [[1, 1]] * 3
    assert d.y.tolist() == [0, 1, 0]
    assert d.classes == ("no", "yes")
    small = dataset(x=np.ones((3, 2), np.float16), y=np.array([0, 1, 0], np.uint8))
    assert (small.x.dtype, small.y.dtype) == (np.float32, np.int64)


def test_dataset_is_frozen_hashable_and_can_be_sent_to_another_process():
    d = data.load("moons", n=10)
    with pytest.raises(AttributeError):
        d.x = d.x
    assert d == d  # identity: a bool, not an array
    assert d != copy.copy(d)
    assert len({d, d}) == 1
    again = pickle.loads(pickle.dumps(d))
    assert np.array_equal(again.posterior(again.x), d.posterior(d.x))


# ---- split ------------------------------------------------------------------------------------


def numbered(labels, classes):
    """Return a set whose only feature is the row number, to tell where each row went."""
    x = np.arange(len(labels), dtype=np.float32)[:, None]
    names = tuple(f"class {k}" for k in range(classes))
    return dataset(x=x, y=np.array(labels), classes=names, features=("row",))


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
    st.integers(0, 2**32),
)
def test_split_is_stratified(labels, test, seed):
    whole = numbered(labels, classes=6)
    counts = np.bincount(whole.y, minlength=6)
    if counts.max() < 2:
        assert "every class has a single row" in message(whole.split, test, seed)
        return
    train_part, test_part = whole.split(test, seed)
    rows = np.concatenate([train_part.x[:, 0], test_part.x[:, 0]]).astype(int)
    assert sorted(rows) == list(range(len(labels)))
    for part in (train_part, test_part):
        assert np.array_equal(part.y, whole.y[part.x[:, 0].astype(int)])
        assert replace(part, x=whole.x, y=whole.y).classes == whole.classes
    held_out = np.bincount(test_part.y, minlength=6)
    assert np.all(np.abs(held_out - counts * test) <= 1)
    assert np.all(held_out[counts == 1] == 0)
    assert np.all(held_out[counts >= 2] >= 1)
    assert np.all((counts - held_out)[counts >= 2] >= 1)


def test_split_of_the_digits():
    d = data.load("digits")
    train, test = d.split()
    assert (len(train), len(test)) == (1438, 359)
    assert np.bincount(test.y).tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]
    assert (train.name, train.features, train.source) == (d.name, d.features, d.source)
    assert np.any(np.diff(test.y) < 0)  # shuffled, not sorted by class
    assert np.any(np.diff(train.y) < 0)


def test_split_follows_its_seed_and_leaves_the_set_alone():
    d = numbered([0, 1] * 50, classes=2)
    kept = d.x.copy()
    first, again, other = (d.split(0.3, seed) for seed in (5, 5, 6))
    from_generator = d.split(0.3, np.random.default_rng(5))
    for part in range(2):
        assert np.array_equal(first[part].x, again[part].x)
        assert np.array_equal(first[part].x, from_generator[part].x)
        assert not np.array_equal(first[part].x, other[part].x)
        order = first[part].x[:, 0]
        assert np.any(np.diff(order) < 0)  # shuffled
        assert not np.array_equal(np.sort(order), np.sort(other[part].x[:, 0]))  # other rows too
        first[part].x[:] = -1
    assert np.array_equal(d.x, kept)


def test_split_of_a_toy_keeps_its_posterior():
    d = data.load("xor", n=40)
    train, _ = d.split()
    assert train.posterior is not None
    assert train.posterior(train.x).shape == (32, 2)


@pytest.mark.parametrize("test", [0, 1, -0.1, 1.5, 20])
def test_split_wants_a_fraction(test):
    assert "test must be a fraction between 0 and 1" in message(data.load("iris").split, test)


@pytest.mark.parametrize("test", [np.nan, "0.2", True])
def test_split_wants_a_number(test):
    assert "test must be a finite number" in message(data.load("iris").split, test)


def test_split_wants_a_seed():
    assert "seed must be a whole number" in message(data.load("iris").split, 0.2, None)


# ---- toys -------------------------------------------------------------------------------------

VARIANTS = [
    ("moons", {}),
    ("spiral", {}),
    ("spiral", {"classes": 5, "noise": 0.1}),
    ("rings", {}),
    ("rings", {"classes": 4, "noise": 0.3}),
    ("blobs", {}),
    ("blobs", {"classes": 2}),
    ("blobs", {"classes": 7, "noise": 2}),
    ("xor", {}),
]


@given(st.sampled_from(TOYS), st.integers(2, 90), st.integers(0, 2**63))
def test_toys_have_balanced_classes(name, n, seed):
    n = max(n, 3)  # the default of spiral and blobs is three classes
    d = data.load(name, n=n, seed=seed)
    assert d.x.shape == (n, 2)
    assert (d.x.dtype, d.y.dtype) == (np.float32, np.int64)
    counts = np.bincount(d.y, minlength=len(d.classes))
    assert len(counts) == len(d.classes)
    assert np.ptp(counts) <= 1
    assert counts.min() >= 1
    again = data.load(name, n=n, seed=np.random.default_rng(seed))
    assert np.array_equal(d.x, again.x)
    assert np.array_equal(d.y, again.y)


@pytest.mark.parametrize("name", TOYS)
def test_toys_follow_their_seed_and_say_so(name):
    a, b = data.load(name, seed=1), data.load(name, seed=2)
    assert not np.array_equal(a.x, b.x)
    assert not np.array_equal(a.y, b.y)  # the order of the labels is random too
    assert "n=500, seed=1, noise=" in a.source
    assert a.features == ("x0", "x1")


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_posterior_is_bayes_rule_on_scipys_densities(name, options):
    d = data.load(name, n=30, **options)
    mixture = d.posterior.__self__
    x = np.concatenate([d.x, np.random.default_rng(0).uniform(-4, 4, (10, 2))])
    normals = [[multivariate_normal(c, mixture.noise**2) for c in k] for k in mixture.centres]
    density = np.stack([np.mean([m.pdf(x) for m in k], axis=0) for k in normals], axis=1)
    seen = density.sum(axis=1) > 1e-290  # elsewhere the plain densities underflow; ours must not
    expected = density[seen] / density[seen].sum(axis=1, keepdims=True)
    p = d.posterior(x)
    assert p.dtype == np.float64
    assert p.shape == (40, len(d.classes))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(p[seen], expected, rtol=1e-8, atol=1e-14)
    assert seen[:30].all()


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_labels_come_as_often_as_the_posterior_says(name, options):
    # The posterior is worked out from the curves, the labels come out of the sampler: if the
    # sampler used another σ, or other points, the two would part here.
    n = 40_000
    d = data.load(name, n=n, seed=7, **options)
    p = d.posterior(d.x)
    assert p.mean(axis=0) == pytest.approx(np.bincount(d.y) / n, abs=4 / n**0.5)
    for k in range(len(d.classes)):
        for low, high in [(0.02, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.98)]:
            rows = (p[:, k] >= low) & (p[:, k] < high)
            error = np.sqrt(np.sum(p[rows, k] * (1 - p[rows, k]))) + 1
            assert abs(np.sum(d.y[rows] == k) - p[rows, k].sum()) < 4.5 * error
    # The sharpest check of σ: the mean log-loss of the labels is the mean entropy of p.
    logloss = -np.log(p[np.arange(n), d.y])
    entropy = -np.sum(p * np.log(np.maximum(p, 1e-300)), axis=1)
    spread = (logloss - entropy).std() / n**0.5
    assert abs((logloss - entropy).mean()) < 4.5 * spread


def test_samples_stand_around_their_curve_by_the_noise():
    d = data.load("moons", n=20_000, noise=0.01)
    t = np.where(d.y == 0, 1.0, -1.0)  # the lower moon is the upper one turned about (0.5, 0.25)
    turned = np.stack([0.5 + t * (d.x[:, 0] - 0.5), 0.25 + t * (d.x[:, 1] - 0.25)], axis=1)
    distance = np.hypot(turned[:, 0], turned[:, 1]) - 1
    assert abs(distance.mean()) < 1e-3
    assert distance.std() == pytest.approx(0.01, rel=0.03)
    angle = np.arctan2(turned[:, 1], turned[:, 0])
    assert np.histogram(angle, bins=10, range=(0, np.pi))[0].min() > 1500  # evenly along it


def test_curves_are_where_they_are_said_to_be():
    def centres(name, **options):
        return data.load(name, **options).posterior.__self__.centres

    upper, lower = centres("moons")
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1)
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0.5
    for k, ring in enumerate(centres("rings", classes=3)):
        np.testing.assert_allclose(np.hypot(*ring.T), 0.5 * (k + 1))
        np.testing.assert_allclose(ring.mean(axis=0), 0, atol=1e-12)  # closed, no point twice
    blobs = centres("blobs", classes=5)[:, 0]
    np.testing.assert_allclose(np.hypot(*(blobs - np.roll(blobs, 1, axis=0)).T), 4)
    assert centres("xor").tolist() == [[[-1, -1], [1, 1]], [[-1, 1], [1, -1]]]


@pytest.mark.parametrize("name", ["moons", "spiral", "rings"])
def test_points_of_a_curve_are_equally_spaced(name):
    for curve in data.load(name).posterior.__self__.centres:
        steps = np.hypot(*np.diff(curve, axis=0).T)
        assert steps.max() / steps.min() < 1.01
        assert len(curve) == 100


def test_spiral_arms_are_one_arm_turned():
    d = data.load("spiral", classes=3)
    arms = d.posterior.__self__.centres
    angle = 2 * np.pi / 3
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(arms[0] @ turn, arms[1], atol=1e-12)
    np.testing.assert_allclose(arms[1] @ turn, arms[2], atol=1e-12)
    assert arms[0][0].tolist() == [0, 0]
    np.testing.assert_allclose(arms[0][-1], [np.cos(4), np.sin(4)])
    r, a = np.hypot(*arms[0].T), np.unwrap(np.arctan2(arms[0][1:, 1], arms[0][1:, 0]))
    np.testing.assert_allclose(a, 4 * r[1:], atol=1e-6)


def test_posterior_of_two_blobs_is_a_logistic_function():
    d = data.load("blobs", classes=2, noise=1.0)  # centres at (2, 0) and (-2, 0)
    x = np.array([[0, 0], [0, 100], [0.5, 3], [-1, 0]], np.float32)
    expected = 1 / (1 + np.exp(-4 * x[:, 0].astype(float)))
    np.testing.assert_allclose(d.posterior(x)[:, 0], expected, rtol=1e-12)


@given(hnp.arrays(np.float64, (3, 2), elements=st.floats(-1e38, 1e38)), st.sampled_from(TOYS))
def test_posterior_is_a_distribution_everywhere(x, name):
    for noise in (0.001, 1, 1000):
        p = data.load(name, n=5, noise=noise).posterior(x)
        assert np.all(p >= 0)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


def test_posterior_keeps_its_digits_far_away():
    # At x = (1e9, 1) the log-odds of (1, 1) against (1, 0) are 1 - 1/2: the 1e18 of |x|² cancels.
    mixture = data.Mixture(np.array([[[1.0, 0.0]], [[1.0, 1.0]]]), noise=1.0)
    p = mixture.posterior(np.array([[1e9, 1.0]]))[0]
    assert np.log(p[1] / p[0]) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((4, 3)), "x must have shape (N, 2), points in the plane, got (4, 3)"),
        (np.zeros(2), "x must have shape (rows, features)"),
        (np.zeros((0, 2)), "got shape (0, 2)"),
        (np.array([[0, 0], [0, np.nan]]), "x must be finite, got nan in row 1, column 1; 1 of 2"),
    ],
)
def test_posterior_says_what_is_wrong(x, said):
    assert said in message(data.load("moons").posterior, x)


@pytest.mark.parametrize("shape", [(2, 2), (0, 1, 2), (2, 0, 2), (2, 1, 3)])
def test_mixture_says_what_is_wrong(shape):
    said = message(data.Mixture, np.zeros(shape), 1.0)
    assert said == f"centres must have shape (classes, points, 2), got {shape}"


def test_mixture_keeps_its_own_finite_centres():
    centres = np.zeros((2, 1, 2))
    mixture = data.Mixture(centres, 1.0)
    centres[0] = 5
    assert mixture.posterior([[1, 1]]).tolist() == [[0.5, 0.5]]
    centres[0, 0, 1] = np.nan
    assert message(data.Mixture, centres, 1.0) == "centres must be finite"


# ---- batches ----------------------------------------------------------------------------------


@given(st.integers(1, 50), st.integers(1, 60), st.none() | st.integers(0, 2**32))
def test_batches_hold_every_row_once(n, size, rng):
    x, y = np.arange(2 * n).reshape(n, 2), np.arange(n) * 10
    pairs = list(data.batches(x, y, size, rng))
    assert [len(xb) for xb, _ in pairs[:-1]] == [size] * (len(pairs) - 1)
    assert len(pairs) == -(-n // size)
    rows = np.concatenate([yb for _, yb in pairs]) // 10
    assert sorted(rows) == list(range(n))
    assert np.array_equal(np.concatenate([xb for xb, _ in pairs]), x[rows])
    if rng is None:
        assert rows.tolist() == list(range(n))


def test_batches_follow_their_seed_and_a_generator_moves_on():
    y = np.arange(100)
    x = y[:, None].astype(np.float32)

    def order(rng):
        return np.concatenate([yb for _, yb in data.batches(x, y, 7, rng)]).tolist()

    assert order(3) == order(3) == order(np.random.default_rng(3))
    assert order(3) != order(4)
    assert order(3) != list(range(100))
    rng = np.random.default_rng(3)
    assert order(rng) != order(rng)


def test_batches_keep_dtype_and_are_copies():
    x, y = np.zeros((4, 2), np.float32), np.zeros(4, np.uint8)
    for rng in (None, 0):
        for xb, yb in data.batches(x, y, 4, rng):
            assert (xb.dtype, yb.dtype) == (np.float32, np.uint8)
            xb[:], yb[:] = 1, 1
    assert not x.any()
    assert not y.any()


def test_batches_shuffle_in_the_order_of_the_calls():
    y = np.arange(20)
    rng = np.random.default_rng(0)
    first, second = (data.batches(y, y, 20, rng) for _ in range(2))
    late = [next(second)[1], next(first)[1]][::-1]
    rng = np.random.default_rng(0)
    early = [next(data.batches(y, y, 20, rng))[1] for _ in range(2)]
    assert np.array_equal(late, early)


def test_batches_are_lazy():
    x = np.zeros(4)
    pairs = data.batches(x, x, 2, None)
    next(pairs)
    x[2:] = 5  # not read yet
    assert next(pairs)[0].tolist() == [5, 5]


@pytest.mark.parametrize(
    ("x", "y", "size", "rng", "said"),
    [
        (np.zeros((3, 2)), np.zeros(2), 1, 0, "equally many rows, got shapes (3, 2) and (2,)"),
        (np.float64(1), np.zeros(2), 1, 0, "got shapes () and (2,)"),
        (np.zeros(2), np.float64(1), 1, 0, "got shapes (2,) and ()"),
        (np.zeros((0, 2)), np.zeros(0), 1, 0, "x and y must have at least one row, got none"),
        (np.zeros(2), np.zeros(2), 0, 0, "size must be a whole number >= 1, got 0"),
        (np.zeros(2), np.zeros(2), -1, 0, "size must be a whole number >= 1, got -1"),
        (np.zeros(2), np.zeros(2), 1.0, 0, "size must be a whole number >= 1, got 1.0"),
        (np.zeros(2), np.zeros(2), True, 0, "size must be a whole number >= 1, got True"),
        (np.zeros(2), np.zeros(2), 1, -1, "rng must be a whole number >= 0 or a numpy.random.Gen"),
        (np.zeros(2), np.zeros(2), 1, "0", "rng must be a whole number >= 0"),
    ],
)
def test_batches_say_what_is_wrong_at_the_call(x, y, size, rng, said):
    assert said in message(data.batches, x, y, size, rng)  # no next()


# ---- Standardiser -----------------------------------------------------------------------------

COLUMNS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 20), st.integers(1, 4)),
    elements=st.floats(-1000, 1000, width=32).map(lambda v: round(v, 2)),
)


@given(COLUMNS)
def test_standardised_columns_have_mean_0_and_std_1_or_are_0(x):
    scale = data.Standardiser.fit(x)
    out = scale(x)
    assert out.dtype == np.float32
    assert (scale.mean.dtype, scale.std.dtype) == (np.float64, np.float64)
    for column, z in zip(x.T, out.T, strict=True):
        if np.ptp(column) == 0:
            assert not z.any()
        else:
            assert z.mean(dtype=float) == pytest.approx(0, abs=1e-5)
            assert z.std(dtype=float) == pytest.approx(1, abs=1e-5)


def test_a_constant_column_becomes_0_although_its_mean_is_rounded():
    x = np.full((7, 1), 0.1)
    assert x.mean() != 0.1  # the trap: std is then 1e-17, not 0
    scale = data.Standardiser.fit(x)
    assert scale.std.tolist() == [1]
    assert scale(x).tolist() == [[0]] * 7
    assert scale(np.array([[2.1]])).tolist() == [[2]]


def test_statistics_are_computed_in_float64():
    x = np.array([[1e8], [1e8 + 8], [1e8 + 16]], np.float32)
    assert data.Standardiser.fit(x).mean.tolist() == [1e8 + 8]
    column = data.load("digits").x[:, 20:21]
    assert data.Standardiser.fit(column).std[0] == column.astype(float).std()


def test_the_training_statistics_serve_the_test_part():
    train, test = data.load("wine").split()
    scale = data.Standardiser.fit(train.x)
    by_hand = (test.x.astype(float) - train.x.mean(0, dtype=float)) / train.x.std(0, dtype=float)
    np.testing.assert_allclose(scale(test.x), by_hand, rtol=1e-5, atol=1e-6)
    assert abs(scale(test.x).mean()) > 1e-4  # its own mean was not used


def test_standardiser_takes_whole_numbers():
    pixels = np.array([[0, 255], [255, 255]], np.uint8)
    assert data.Standardiser.fit(pixels)(pixels).tolist() == [[-1, 0], [1, 0]]


def test_standardiser_says_what_is_wrong():
    fit = data.Standardiser.fit
    assert "got shape (0, 2)" in message(fit, np.zeros((0, 2)))
    assert "got shape (3,)" in message(fit, np.zeros(3))
    nan = np.array([[0.0, 1.0], [np.nan, 1.0]])
    assert "got nan in row 1, column 0; 1 of 2 rows" in message(fit, nan)
    scale = fit(np.zeros((2, 2)))
    assert "got nan in row 1, column 0" in message(scale, nan)
    assert "x must have 2 columns, as in fit, got 3" in message(scale, np.zeros((1, 3)))
