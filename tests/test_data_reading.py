"""Data that users bring: the right rows, or a DataError that names file, place and reason."""

import csv
import gzip
import io
import os
import struct
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_xent as tx
from tests.fuzz import harness
from tests.fuzz.__main__ import main as fuzz
from tests.fuzz.idx import idx
from tinygrad_xent.data.reading import archive, places, sources, table


@pytest.fixture
def write(tmp_path):
    """Write a file of text or bytes and return its path."""

    def write(content, name="t.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def refused(path, *args, read=tx.data.read, **options):
    with pytest.raises(tx.DataError) as caught:
        read(path, *args, **options)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


def as_read(path, **options):
    d = tx.data.read(path, **options)
    return d.x.tolist(), [d.classes[k] for k in d.y], d.features


TWO = ([[1.0, 2.0], [3.0, 4.5]], ["u", "v"])


# ---- tables: the right data -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a,b,y\n1,2,u\n3,4.5,v\n", {}),
        ("a,b,y\r\n1,2,u\r\n3,4.5,v", {}),
        ("a,b,y\r1,2,u\r3,4.5,v\r", {}),
        ("\ufeffa;b;y\n1;2;u\n3;4.5;v\n", {}),
        ("a;b;y\n1,0;2,0;u\n3,0;4,5;v\n", {"decimal": ","}),
        ('"a","b","y"\n"1,0","2,0","u"\n"3,0","4,5","v"\n', {"decimal": ","}),
        ("\ufeffa,b,y\n1,2,u\n3,4.5,v\n", {"encoding": "utf-8"}),
        ("a\tb\ty\n1\t2\tu\n3\t4.5\tv\n", {}),
        ("a|b|y\n1|2|u\n\n3|4.5|v\n\n", {}),
        ("a b y\n1 2 u\n3  4.5 v\n", {"delimiter": " "}),
        ('"a", "b", "y"\n"1", "2", "u"\n3,4.5,"v"\n', {}),
        ("y,a,b\nu,1,2\nv,3,4.5\n", {"label": "y"}),
        ("y,a,b\nu,1,2\nv,3,4.5\n", {"label": 0}),
        ("y,a,b\nu,1,2\nv,3,4.5\n", {"label": "-3"}),
        ("b,n,y,a\n2,x,u,1\n4.5,x,v,3\n", {"label": "y", "columns": ["a", "b"]}),
        ("a,n,b,y\n1,x,2,u\n3,x,4.5,v\n", {"ignore": ["n"]}),
        (",a,b,y\n0,1,2,u\n1,3,4.5,v\n", {"ignore": [0]}),
        ("a,b,y\n1,2,u\n1,2,\n?,2,u\n3,4.5,v\n", {"drop_missing": True}),
        ("a,b,y\n1,2,u\n3,4.5,v\n5,6,w\n", {"limit": 2}),
        ("a,b,y\n1,2,u\n3,4.5,v\n", {"encoding": "ascii"}),
        ("a,b,y\n 1 ,2e0,u \n+3,45e-1, v\n", {}),
    ],
)
def test_however_it_is_written_it_is_the_same_table(write, text, options):
    x, labels, names = as_read(write(text), **options)
    assert (x, labels) == TWO
    assert names == ("a", "b")
    packed = write(gzip.compress(text.encode()), "t.csv.gz")
    assert as_read(packed, **options) == (x, labels, names)


def test_utf16_and_cp1252(write):
    text = "größe,y\n1,ä\n2,ö\n"
    assert as_read(write(text.encode("utf-16")))[1] == ["ä", "ö"]
    path = write(text.encode("cp1252"))
    assert "encoding='cp1252'" in refused(path)
    assert as_read(path, encoding="cp1252") == ([[1.0], [2.0]], ["ä", "ö"], ("größe",))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("5.1,3,setosa\n6,2,virginica\n", ("x0", "x1")),
        ("1,2,3\n4,5,6\n", ("x0", "x1")),
        ("NA,2,a\n4,5,b\n", ("x0", "x1")),
        ("a,2,y\n4,5,b\n", ("a", "2")),
        ("0,1,2,target\n.5,1,2,a\n.5,1,2,b\n", ("0", "1", "2")),
        ("0,1,2,a\n.5,1,2,a\n.5,1,2,b\n", ("x0", "x1", "x2")),
    ],
)
def test_a_header_is_told_from_a_row(write, text, names):
    assert tx.data.read(write(text), drop_missing=True).features == names


def test_header_may_be_said(write):
    path = write("1990,1991,y\n1,2,a\n3,4,b\n")  # names or numbers? nobody can tell
    assert len(tx.data.read(path)) == 3
    assert tx.data.read(path, header=True).features == ("1990", "1991")
    path = write("a,b\n1,2\n")
    assert tx.data.read(path).features == ("a",)
    assert "'a' is not a number" in refused(path, header=False)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["10", "9", "2"], ("2", "9", "10")),
        (["1.0", "2.0", "1"], ("1", "2")),
        (["01", "2"], ("01", "2")),
        (["-1", "1", "0.5"], ("-1", "0.5", "1")),
        (["type 10", "type 2", "Type 1"], ("Type 1", "type 2", "type 10")),
        (["b", "a", "10"], ("10", "a", "b")),
        (["none", "-", "some"], ("-", "none", "some")),
        (["12345678901234567890", "12345678901234567891"],) * 2,
        (["1e400", "1"], ("1", "1e400")),
    ],
)
def test_classes_stand_in_natural_order(write, labels, classes):
    d = tx.data.read(write("x,y\n" + "".join(f"1,{label}\n" for label in labels)))
    assert d.classes == tuple(classes)
    for label, k in zip(labels, d.y, strict=True):
        assert label == d.classes[k] or float(label) == float(d.classes[k])


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(2, 9), st.integers(1, 4)), elements={
        "allow_nan": False, "allow_infinity": False}),
    st.lists(NAMES.map(str.strip).filter(lambda s: s not in "?" and s.lower() not in
             ("na", "n/a", "#n/a", "nan", "null") and not s[:1].isdigit()), min_size=9, max_size=9),
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
)  # fmt: skip
def test_what_csv_writes_is_read_bit_for_bit(tmp_path, x, labels, delimiter, pack):
    file = io.StringIO(newline="")
    rows = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    rows.writerow([*(f"c{j}" for j in range(x.shape[1])), "label"])
    rows.writerows([*map(repr, row), y] for row, y in zip(x.tolist(), labels, strict=False))
    content = file.getvalue().encode()
    path = tmp_path / "t.csv"
    path.write_bytes(gzip.compress(content) if pack else content)
    d = tx.data.read(path, delimiter=delimiter, header=True)
    assert d.x.tobytes() == x.tobytes()
    found = [d.classes[k] for k in d.y]
    for got, wanted in zip(found, labels[: len(x)], strict=True):
        assert got == wanted or float(got) == float(wanted)


def test_dropped_rows_are_counted_and_lines_are_those_of_the_file(write):
    path = write('a,b,y\n1,2,u\n\n"3","4\n",v\nNA,2,u\n5,6,?\n7,8,v\n')
    with pytest.raises(tx.DataError, match=r"line 3.*'4\\n'|line 6, column 'a': 'NA'"):
        tx.data.read(path)
    path = write("a,b,y\n1,2,u\n\n3,4,v\nNA,2,u\n5,6,?\n7,8,v\n")
    d = tx.data.read(path, drop_missing=True)
    assert d.source == "read from t.csv; 2 of 5 rows left out, with missing cells"
    said = refused(path)
    assert "line 5, column 'a': 'NA' is a missing cell; 2 of 5 rows have one" in said
    rows = tx.data.read_rows(path, ["b", "a"], drop_missing=True)
    assert rows.lines.tolist() == [2, 4, 6, 7]
    assert rows.x.tolist() == [[2, 1], [4, 3], [6, 5], [8, 7]]
    assert (rows.dropped, len(rows), repr(rows)) == (1, 4, "Rows(x=(4, 2), dropped=1)")


def test_many_rows_are_read_in_pieces(write, monkeypatch):
    monkeypatch.setattr("tinygrad_xent.data.reading.columns.CELLS", 10)
    text = "a,b,y\n" + "".join(f"{i},{'NA' if i % 7 == 3 else 2 * i},{i % 3}\n" for i in range(99))
    path = write(text)
    kept = [i for i in range(99) if i % 7 != 3]
    d = tx.data.read(path, drop_missing=True)
    assert d.x.tolist() == [[i, 2 * i] for i in kept]
    assert d.y.tolist() == [i % 3 for i in kept]
    assert tx.data.read(path, drop_missing=True, limit=20).x[:, 0].tolist() == kept[:20]


# ---- tables: what is wrong --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("", {}, "empty; wanted a table"),
        ("\n \n", {}, "empty; wanted a table"),
        ("a,b,y\n", {}, "there are no rows below the header"),
        ("a,y\n?,u\n", {"drop_missing": True}, "or each has a missing cell (t.csv: line 2"),
        ("a,b,y\n1,2\n", {}, "line 2 has 2 cells; wanted 3, as in line 1"),
        ("a,b,y\n1,2,u\n3,4,v,5\n", {}, "line 3 has 4 cells; wanted 3"),
        ("a,a,y\n1,2,u\n", {}, "two columns are called 'a'"),
        (",a,y\n0,1,u\n", {}, "column 0 has no name (pandas writes its row"),
        ("a,b,y\n1,tall,u\n", {}, "line 2, column 'b': 'tall' is not a number; ignore=['b']"),
        ("a;b;y\n1,5;2;u\n", {}, "decimal=',' (--decimal ,) reads decimal commas"),
        ("a;y\n1.5;u\n1,5;v\n", {"decimal": ","}, "'1.5' is not a number"),
        ("a,y\n1_000,u\n", {"header": True}, "'1_000' is not a number"),
        ("a,y\ninf,u\n", {}, "'inf' is not a finite number that a float32 can hold"),
        ("a,y\n1e39,u\n", {}, "'1e39' is not a finite number that a float32 can hold"),
        ("a,y\n1,u\n", {"label": "z"}, "label 'z': no such column; there are 'a', 'y'"),
        ("a,y\n1,u\n", {"label": "--1"}, "label '--1': no such column"),
        ("a;y;\n1;u;\n", {}, "the last column has no name; which is the label (--label)?"),
        ("a;y;\n1;u;\n", {"label": "y"}, "column 2 has no name"),
        ("a,y,z\n1,u,2\n", {"ignore": ["z"]}, "column 'z' is the label; it cannot be left out"),
        ("a,y\n1,u\n", {"label": 2}, "label 2: there are 2 columns"),
        ("a,y\n1,u\n", {"columns": ["a", "a"]}, "one is there twice"),
        ("a,y\n1,u\n", {"columns": ["a", "y"]}, "column 'y' is the label"),
        ("a,y\n1,u\n", {"ignore": ["a"]}, "no column is left to learn from"),
        ("only\n1\n", {}, "no column is left to learn from; there are 1 columns"),
        ("a,y\n1,u\n2,w\n", {"classes": ["u", "v"]}, "column 'y': the label 'w' is none of"),
        ("a,y\n1,u\0\n", {}, "there is a NUL in it"),
        (b"a,y\n1,\xe9\n", {}, "not utf-8-sig text"),
        ('a,y\n1,"u\n', {}, "not a row of a table: unexpected end of data"),
        ('a,y\n1,"u"v\n', {}, "not a row of a table: ',' expected after '\"'"),
        ("a,y\n1," + "u" * 140_000, {}, "field larger than field limit"),
        ("1," * 100_001 + "u", {}, "100002 columns; wanted at most 100000"),
        ("x" * 70 + ",y\n1,u\n", {"label": "q" * 70}, "'" + "q" * 40 + "…'"),
        (b"\x1f\x8b\x08 nothing", {}, "damaged gzip"),
        (gzip.compress(b"a,y\n1,u\n", mtime=0)[:-4], {}, "damaged gzip"),
        ("a,y\n" + "".join(f"1,{k}.5\n" for k in range(30)), {}, "a measurement, not a class"),
        ("a,y\n" + "".join(f"1,{k}\n" for k in range(10_001)), {}, "more than 10000 different"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_is_said_with_its_place(
    write, content, options, said, monkeypatch
):
    path = write(content)
    monkeypatch.chdir(path.parent)
    assert said in refused(Path("t.csv"), **options)


def test_a_row_without_an_end_is_refused_before_it_fills_the_memory(write, monkeypatch):
    monkeypatch.setattr(table, "MAX_RECORD", 1000)
    assert "a row of more than 1,000 characters" in refused(write("1," * 600))
    assert "a row of more than 1,000 characters" in refused(write('"a\n",' * 300))
    assert len(tx.data.read(write("1,2\n" * 600))) == 600


def test_what_unpacks_to_too_much_is_refused(write):
    rows = "1,2,a\n" * 200_000
    packed = gzip.compress(rows.encode())
    said = r"unpacks to more than [\d,]+ bytes"
    with pytest.raises(tx.DataError, match=said), sources.opened(write(packed), 1000) as file:
        file.read()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"delimiter": ",,"}, "delimiter must be one character, got ',,'"),
        ({"delimiter": "\n"}, "delimiter must be one character"),
        ({"decimal": "x"}, "decimal must be '.' or ',', got 'x'"),
        ({"encoding": "nonsense"}, "encoding must be one that Python knows, got 'nonsense'"),
        ({"limit": 0}, "limit must be a whole number >= 1, got 0"),
        ({"ignore": "abc"}, "ignore must be a list of columns, got 'abc'"),
        ({"columns": "abc"}, "columns must be a list of columns, got 'abc'"),
        ({"classes": "abc"}, "classes must be a list of names, got 'abc'"),
        ({"classes": 5}, "classes must be a list of names, got 5"),
        ({"encoding": 5}, "encoding must be one that Python knows, got 5"),
    ],
)
def test_arguments_that_make_no_sense(write, options, said):
    with pytest.raises(ValueError, match=r".") as caught:
        tx.data.read(write("a,b,y\n1,2,u\n3,4,v\n"), **options)
    assert said in str(caught.value)
    assert not isinstance(caught.value, tx.DataError)


# ---- rows to be classified --------------------------------------------------------------------


def test_columns_are_found_by_name(write):
    path = write("name,kg,y,cm\nAda,55,u,165\nBob,80,v,180\n")
    rows = tx.data.read_rows(path, ["cm", "kg"])
    assert rows.x.tolist() == [[165, 55], [180, 80]]
    said = refused(path, ["cm", "age"], read=tx.data.read_rows)
    assert "1 of the 2 columns are not there: 'age'; there are 'name', 'kg', 'y', 'cm'" in said
    for features in ([], "kg", [0]):
        with pytest.raises(ValueError, match="features must be a list of names, got"):
            tx.data.read_rows(path, features)


def test_decimal_commas_part_no_cells(write):
    path = write("1,5;2,5\n3,0;4,25\n")
    assert tx.data.read_rows(path, ["a", "b"], decimal=",").x.tolist() == [[1.5, 2.5], [3, 4.25]]
    path = write("1,5;2,5;1,0\n3,0;4,25;2,0\n")
    assert as_read(path, decimal=",")[0] == [[1.5, 2.5], [3, 4.25]]


def test_without_names_the_place_counts(write):
    path = write("1,2\n3,4\n")
    assert tx.data.read_rows(path, ["cm", "kg"]).x.tolist() == [[1, 2], [3, 4]]
    assert "2 columns; wanted 3" in refused(path, ["a", "b", "c"], read=tx.data.read_rows)
    path = write("1,2,u\n3,4,v\n")
    assert tx.data.read_rows(path, ["x0", "x1"], label=-1).x.tolist() == [[1, 2], [3, 4]]
    path = write("1,9,2,u\n3,9,4,v\n")
    names = tx.data.read(path, ignore=[1]).features
    for label in (None, 3):
        assert tx.data.read_rows(path, names, label=label).x.tolist() == [[1, 2], [3, 4]]
    assert "4 columns; wanted 2" in refused(path, ["cm", "kg"], read=tx.data.read_rows)
    assert tx.data.read_rows(write("1,2\n3,4\n"), names).x.tolist() == [[1, 2], [3, 4]]
    path = write("cm,kg\n1,2\n")  # the model was trained on a table without names
    assert tx.data.read_rows(path, ["x0", "x1"]).x.tolist() == [[1, 2]]
    path = write("x1,x0\n1,2\n")
    assert tx.data.read_rows(path, ["x0", "x1"]).x.tolist() == [[2, 1]]


def test_labels_can_be_told_as_a_model_knows_them(write):
    d = tx.data.read(write("a,y\n1,2.0\n3,1\n"), classes=["1", "2", "3"])
    assert (d.classes, d.y.tolist()) == (("1", "2", "3"), [1, 0])


# ---- npz --------------------------------------------------------------------------------------


def saved(path, save=np.savez, **arrays):
    save(path, **arrays)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_in_both_layouts(tmp_path, save):
    x = np.arange(12.0).reshape(4, 3)
    d = tx.data.read(saved(tmp_path / "a.npz", save, X=x, y=["b", "a", "c", "a"]))
    assert (d.name, d.features, d.classes) == ("a", ("x0", "x1", "x2"), ("a", "b", "c"))
    assert (d.x.tolist(), d.y.tolist(), d.test) == (x.tolist(), [1, 0, 2, 0], None)
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    parts = {"x_train": pixels, "y_train": np.array([[5], [3], [5], [3]], np.uint8)}
    parts |= {"x_test": pixels[:2] + 1, "y_test": np.array([3, 9])}
    d = tx.data.read(saved(tmp_path / "k.npz", save, **parts))
    assert d.x.dtype == d.test.x.dtype == np.uint8
    assert d.features == tuple(f"pixel_{r}_{c}" for r in range(2) for c in range(3))
    assert (d.classes, d.test.classes) == (("3", "5", "9"),) * 2
    assert (d.y.tolist(), d.test.y.tolist()) == ([1, 0, 1, 0], [0, 2])
    train, test = d.split()
    assert (train.test, len(train), test is d.test) == (None, 4, True)
    assert len(d.split(test=0.5)[1]) == 2
    assert len(tx.data.read(tmp_path / "k.npz", limit=1).test) == 1
    rows = tx.data.read_rows(tmp_path / "k.npz", d.features)
    assert rows.x.tolist() == d.test.x.tolist()


@pytest.mark.parametrize("limit", [None, 1, 2])
def test_npz_in_the_order_of_fortran_and_big_endian(tmp_path, limit):
    x = np.arange(6, dtype=">f8").reshape(2, 3)
    path = saved(tmp_path / "a.npz", X=np.asfortranarray(x), y=np.array([1, 2], ">i4"))
    assert tx.data.read(path, limit=limit).x.tolist() == x[:limit].tolist()


def test_npz_with_names(tmp_path):
    arrays = {"X": np.eye(2, dtype=np.float32), "y": np.array([1, 0])}
    names = {"classes": np.array(["no", "yes"]), "features": np.array(["cm", "kg"])}
    path = saved(tmp_path / "a.npz", **arrays, **names)
    d = tx.data.read(path)
    assert (d.classes, d.features, d.y.tolist()) == (("no", "yes"), ("cm", "kg"), [1, 0])
    assert tx.data.read(path, columns=["a", "b"]).features == ("a", "b")
    assert as_read(path, columns=["kg", "cm"]) == (
        [[0, 1], [1, 0]],
        ["yes", "no"],
        ("kg", "cm"),
    )
    assert tx.data.read(path, columns=["kg"]).x.tolist() == [[0], [1]]
    assert tx.data.read_rows(path, ["kg", "cm"]).x.tolist() == [[0, 1], [1, 0]]
    said = refused(path, ["kg", "age"], read=tx.data.read_rows)
    assert "1 of the 2 columns are not there: 'age'; there are 'cm', 'kg'" in said
    assert "the label '2' is none of the classes: 'no', 'yes'" in refused(
        saved(tmp_path / "b.npz", **(arrays | {"y": np.array([2, 0])}), **names)
    )


X, Y = np.eye(3), np.array([0, 1, 2])


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"a": X, "b": Y}, "there is no array 'x' but 'a', 'b'; wanted X and y"),
        ({"X": X}, "there is no array 'y' but 'X'"),
        ({"X": X, "x_train": X, "y": Y}, "both X and x_train are there"),
        ({"X": X, "x": X, "y": Y}, "'X' is there 2 times"),
        ({"X": X, "y": np.array(["a", None, 3], object)}, "pickle can run any code"),
        ({"X": X * np.nan, "y": Y}, "nan in row 0, column 0 is not a finite number"),
        ({"X": X * 1e39, "y": Y}, "1e+39 in row 0, column 0 is not a finite number"),
        ({"X": X * 1j, "y": Y}, "dtype complex128; wanted numbers or text"),
        ({"X": X.astype(str), "y": Y}, "wanted real numbers"),
        ({"X": np.zeros(3), "y": Y}, "shape (3,); wanted rows of numbers"),
        ({"X": np.zeros((0, 3)), "y": Y}, "empty, of shape (0, 3)"),
        ({"X": np.zeros((1,) * 9), "y": Y}, "9 axes; wanted at most 8"),
        ({"X": X, "y": Y[:2]}, "shape (2,); wanted a label for each of 3 rows"),
        ({"X": X, "y": np.eye(3)}, "shape (3, 3); wanted a label for each of 3 rows"),
        ({"X": X, "y": Y + 0.5}, "0.5 in row 0; wanted whole numbers as labels"),
        ({"X": X, "y": Y * np.nan}, "nan in row 0; wanted whole numbers as labels"),
        ({"X": X, "y": Y, "classes": Y}, "wanted text, a name each"),
        ({"X": X, "y": Y, "classes": np.array(["a", "a"])}, "the name 'a' is there twice"),
        ({"X": X, "y": Y.astype(str), "classes": np.array(["a"])}, "text beside an array of class"),
        ({"X": X, "y": Y, "features": np.array(["a"])}, "1 features for 3 columns"),
        ({"X": X, "y": np.array([b"\xff", b"a", b"b"])}, "not UTF-8 text"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, "training rows of shape"),
        ({"X": np.zeros((10_001, 1)), "y": np.arange(10_001)}, "more than 10000 different labels"),
    ],
)
def test_what_is_wrong_with_an_npz_is_said(tmp_path, arrays, said):
    assert said in refused(saved(tmp_path / "a.npz", **arrays))


def test_letters_that_unicode_has_not(tmp_path):
    y = np.array(["abc", "abd", "abe"])
    y.view(np.uint32)[0] = 0x110000
    assert "letters in it that Unicode has not" in refused(saved(tmp_path / "a.npz", X=X, y=y))


def npy(header, body=b"", version=b"\1\0"):
    coded = header.encode("latin1")
    width = "<H" if version == b"\1\0" else "<I"
    return b"\x93NUMPY" + version + struct.pack(width, len(coded)) + coded + body


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }\n"


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (npy(GOOD, b"\0" * 15), "needs 16 bytes; there are 15"),
        (npy(GOOD.replace("(2, 1)", "(2**40, 1)"), b""), "damaged"),
        (npy(GOOD.replace("(2, 1)", f"({2**40}, 1)"), b""), "needs 8796093022208 bytes"),
        (npy(GOOD.replace("<f8", "|O"), b"\0" * 16), "pickle can run any code"),
        (npy(GOOD.replace("<f8", "<U0"), b""), "empty, of shape (2, 1)"),
        (npy("(" * 60_000), "a header of 60000 bytes; wanted at most 1024"),
        (npy("(" * 900), "damaged"),
        (npy(GOOD, b"\0" * 16, b"\3\0"), "version (3, 0) of the npy format"),
        (npy(GOOD, b"\0" * 16, b"\2\0")[:9], "damaged"),
        (b"", "damaged"),
        (b"nothing of the kind", "damaged"),
    ],
)  # fmt: skip
def test_hostile_members(tmp_path, member, said):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("X.npy", member)
        file.writestr("y.npy", member)
    assert said in refused(path)


def test_version_2_of_npy_is_read(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("X.npy", npy(GOOD, np.array([1.5, 2.5]).tobytes(), b"\2\0"))
        file.writestr("y.npy", npy(GOOD.replace("<f8", "|u1").replace("2, 1", "2,"), b"\0\1"))
    assert tx.data.read(path).x.tolist() == [[1.5], [2.5]]


def test_a_zip_that_unpacks_to_too_much_or_lies_is_refused(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.npz", np.savez_compressed, X=np.zeros((5000, 10)), y=np.zeros(5000))
    assert len(tx.data.read(path)) == 5000
    monkeypatch.setattr(archive, "unpacked_limit", lambda packed: 100_000)
    assert "as no honest file of its size does" in refused(path)
    monkeypatch.undo()
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\1\2")  # of X.npy, in the directory at the end
    (size,) = struct.unpack("<I", content[at + 24 : at + 28])
    assert size == 400_128
    content[at + 24 : at + 28] = struct.pack("<I", size - 8)
    path.write_bytes(content)
    assert "needs 400000 bytes; there are 399992" in refused(path)
    path.write_bytes(content[:-30])
    assert "damaged, or not an npz file" in refused(path)
    path.write_bytes(b"not a zip")
    assert "damaged, or not an npz file" in refused(path)


def test_a_checksum_that_is_wrong_is_damage(tmp_path):
    path = saved(tmp_path / "a.npz", X=X, y=Y)
    content = bytearray(path.read_bytes())
    content[content.find(X.tobytes()) + 3] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32" in refused(path)


# ---- IDX --------------------------------------------------------------------------------------


PIXELS, LABELS = np.arange(24, dtype=np.uint8).reshape(4, 3, 2), np.array([1, 0, 7, 1], np.uint8)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
@pytest.mark.parametrize("test", ["t10k", "test"])
def test_idx_in_all_spellings(write, ending, dot, test):
    pack = gzip.compress if ending else bytes
    for part, n in (("train", 4), (test, 3)):
        images = write(pack(idx(PIXELS[:n])), f"d/{part}-images{dot}idx3-ubyte{ending}")
        write(pack(idx(LABELS[:n])), f"d/{part}-labels{dot}idx1-ubyte{ending}")
    for path in (images.parent, images):
        d = tx.data.read(path)
        assert (d.x.tolist(), d.x.dtype) == (PIXELS.reshape(4, 6).tolist(), np.uint8)
        assert (d.y.tolist(), d.classes) == ([1, 0, 2, 1], ("0", "1", "7"))
        assert (d.test.x.tolist(), d.test.y.tolist()) == (d.x[:3].tolist(), [1, 0, 2])
        assert d.features[-1] == "pixel_2_1"
    assert len(tx.data.read(images.parent, limit=2)) == 2
    assert len(tx.data.read_rows(images.parent, d.features)) == 3


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (b"", "begins with nothing"),
        (b"\0\0\x07\3", "begins with 00 00 07 03"),
        (b"\0\0\x08\0", "begins with 00 00 08 00"),
        (b"\1\0\x08\3", "begins with 01 00 08 03"),
        (b"\0\0\x08\3\0\0\0\4\0", "truncated within its header"),
        (idx(PIXELS)[:-1], "its header says 4 x 3 x 2 of 1 bytes, 24 in all; there are 23"),
        (idx(PIXELS) + b"\0", "24 in all; there are 25"),
        (b"\0\0\x0e\4" + b"\xff" * 16, "in all; there are 0"),
        (b"\0\0\x08\3" + b"\0" * 12, "empty, 0 x 0 x 0"),
        (gzip.compress(b"\0\0\x0e\4" + b"\xff" * 16, mtime=0), "in all; there are far fewer"),
        (
            gzip.compress(idx(PIXELS)[:-1], mtime=0),
            "truncated, 23 of 24 bytes of numbers are there",
        ),
        (gzip.compress(idx(PIXELS) + b"\0", mtime=0), "goes on after the 24 bytes"),
        (gzip.compress(idx(PIXELS), mtime=0)[:-9], "damaged gzip"),
        (idx(LABELS), "one axis, so labels"),
        (idx(PIXELS[:3]), "shape (4,); wanted a label for each of 3 rows"),
        (idx(PIXELS.astype(np.float32) * np.float32(np.nan)), "nan in row 0, column 0"),
    ],
)
def test_what_is_wrong_with_an_idx_file_is_said(write, images, said):
    path = write(images, "d/train-images-idx3-ubyte")
    write(idx(LABELS), "d/train-labels-idx1-ubyte")
    with pytest.raises(tx.DataError) as caught:
        tx.data.read(path.parent)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path.parent))


def test_folders_that_are_no_set(write, tmp_path):
    assert "a folder without the files of a data set" in refused(tmp_path)
    path = write(idx(PIXELS), "d/train-images-idx3-ubyte")
    assert "train-images-idx3-ubyte is there without its labels" in refused(path.parent)
    write(idx(LABELS), "d/train-labels-idx1-ubyte")
    first = write(idx(PIXELS), "d/emnist-train-images-idx3-ubyte")
    write(idx(LABELS), "d/emnist-train-labels-idx1-ubyte")
    assert "several sets, -..., emnist-..." in refused(path.parent)
    assert len(tx.data.read(first)) == len(tx.data.read(path)) == 4


# ---- places and paths -------------------------------------------------------------------------


@pytest.fixture
def empty_machine(tmp_path, monkeypatch):
    """A machine on which no set is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv(places.VARIABLE, raising=False)
    for name, place in places.PLACES.items():
        here = tuple(folder for folder in place.folders if not folder.startswith("/"))
        monkeypatch.setitem(places.PLACES, name, place._replace(folders=here))
    return tmp_path


def test_a_folder_that_is_called_as_a_known_set_is_that_set(empty_machine, write):
    write(idx(PIXELS), "mnist/train-images-idx3-ubyte")
    write(idx(LABELS), "mnist/train-labels-idx1-ubyte")
    assert len(tx.data.read("mnist")) == len(PIXELS)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_known_sets_are_found_or_the_ways_to_get_them_told(empty_machine, name, write, monkeypatch):
    with pytest.raises(FileNotFoundError, match="this program never downloads") as caught:
        tx.data.read(name)
    assert [f"\n  {k}. " in str(caught.value) for k in (1, 2, 3, 4, 5)] == [True] * 4 + [False]
    spots = [place for place in places.PLACES[name].folders if "{root}" not in place]
    for spot in spots:
        folder = Path(os.path.expanduser(spot))
        folder.mkdir(parents=True)
        (folder / "train-images-idx3-ubyte").write_bytes(idx(PIXELS))
        assert places.located(name) is None  # half of it is none of it
        (folder / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
        d = tx.data.read(name)
        assert (d.name, d.classes) == (name, places.PLACES[name].classes)
        assert d.y.tolist() == LABELS.tolist()
        for file in folder.iterdir():
            file.unlink()
    monkeypatch.setenv(places.VARIABLE, str(empty_machine / "mine"))
    (empty_machine / "mine").mkdir()
    saved(empty_machine / "mine" / f"{name}.npz", x_train=PIXELS, y_train=LABELS)
    assert len(tx.data.read(name)) == 4
    with pytest.raises(FileNotFoundError, match=r"nothere\.csv: there is no such file"):
        tx.data.read("nothere.csv")


def test_what_is_no_file_is_refused(tmp_path, write):
    with pytest.raises(tx.DataError, match="not the name of a file"):
        tx.data.read("a\0b")
    with pytest.raises(ValueError, match="path must be the name"):
        tx.data.read(3)
    with pytest.raises(FileNotFoundError):
        tx.data.read(write("a,b\n1,2\n") / "below")
    (tmp_path / "folder.npz").mkdir()
    assert "a folder without" in refused(tmp_path / "folder.npz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "a pipe or a device" in refused(tmp_path / "pipe.csv")
    assert "a pipe or a device" in refused(Path(os.devnull))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", b"PK\3\4", "a workbook; save the sheet as CSV"),
        ("a.pkl", b"\x80\4", "pickle can run any code and is never opened"),
        ("a.npy", b"\x93NUMPY", "a single array"),
        ("a.dat", b"\x93NUMPY", "a single array"),
        ("a.dat", b"PK\3\4", "a zip archive; if np.savez wrote it, call it .npz"),
    ],
)
def test_other_formats_are_told_what_to_do(write, name, content, said):
    assert said in refused(write(content, name))


def test_options_of_tables_are_for_tables(tmp_path):
    path = saved(tmp_path / "a.npz", X=X, y=Y)
    with pytest.raises(ValueError, match="not a table: label, ignore and their like mean nothing"):
        tx.data.read(path, label="y")
    for options in ({"label": 0}, {"drop_missing": True}, {"header": False}, {"decimal": ","}):
        with pytest.raises(ValueError, match="not a table"):
            tx.data.read_rows(path, ["a", "b", "c"], **options)
    assert "3 columns; wanted 2, a name each" in refused(path, columns=["a", "b"])


def test_two_threads_read_as_one(write):
    paths = [write(f"a,y\n{k},u\n{k},v\n", f"{k}.csv") for k in range(8)]
    found = {}
    jobs = [
        threading.Thread(target=lambda p=p: found.update({p: tx.data.read(p).x[0, 0]}))
        for p in paths
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [found[p] for p in paths] == list(range(8))


# ---- uint8, the tail, the test part -----------------------------------------------------------


def test_pixels_stay_pixels():
    x = np.arange(6, dtype=np.uint8).reshape(3, 2)
    d = tx.data.Dataset("d", x, np.array([0, 1, 0]), ("a", "b"), ("p", "q"), "here")
    assert d.x.dtype == np.uint8
    x[:] = 0
    assert d.x[2].tolist() == [4, 5]
    assert d.split(0.5)[0].x.dtype == np.uint8


def test_the_tail_is_the_last_rows_in_order():
    d = tx.data.load("iris")
    train, test = d.split(0.1, tail=True)
    assert np.array_equal(np.concatenate([train.x, test.x]), d.x)
    assert (len(train), len(test)) == (135, 15)
    one = tx.data.Dataset("d", np.ones((1, 1)), np.array([0]), ("a",), ("p",), "here")
    with pytest.raises(ValueError, match="it has a single row"):
        one.split(tail=True)


def test_a_test_part_is_of_the_same_classes():
    d = tx.data.load("iris")
    with pytest.raises(ValueError, match="the test part must have the same classes"):
        replace(d, test=tx.data.load("wine"))


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 5))))
def test_pixels_are_scaled_as_floats_are(x):
    scale = tx.data.Standardiser.fit(x)
    wide = tx.data.Standardiser.fit(x.astype(np.float64))
    assert np.array_equal(scale.mean, wide.mean)
    assert np.array_equal(scale.std, wide.std)
    std = x.astype(float).std(axis=0)
    by_hand = (x - x.mean(axis=0)) / np.where(np.ptp(x, axis=0) == 0, 1, std)
    np.testing.assert_allclose(scale(x), by_hand, rtol=1e-5, atol=1e-6)
    assert np.array_equal(scale(x), scale(x.astype(np.float32)))


def test_scaling_keeps_its_digits_and_says_what_is_too_large():
    x = np.array([[2**24], [2**24 + 2], [2**24 + 6]], np.float32)  # their mean is no float32
    np.testing.assert_allclose(tx.data.Standardiser.fit(x)(x)[1], -2 / 3 / (56 / 9) ** 0.5)
    x = np.array([[1e6], [1e6 + 1], [1e6 + 2]], np.float32)
    np.testing.assert_allclose(tx.data.Standardiser.fit(x)(x)[:, 0], [-(1.5**0.5), 0, 1.5**0.5])
    with pytest.raises(ValueError, match=r"column 1 of x has numbers of -1e\+308"):
        tx.data.Standardiser.fit(np.array([[0, 1e308], [0, -1e308]]))
    with pytest.raises(ValueError, match=r"x is 1e\+300 in row 0, column 0, where"):
        tx.data.Standardiser.fit(x)(np.array([[1e300]]))
    tiny = tx.data.Standardiser.fit(np.array([[0.0], [5e-324]]))
    assert np.isfinite(tiny(np.array([[0.0], [5e-324]]))).all()


def test_a_large_set_of_pixels_is_never_there_as_floats():
    import tracemalloc

    x = np.random.default_rng(0).integers(0, 256, (20_000, 100), dtype=np.uint8)  # 2 MB
    tracemalloc.start()
    tx.data.Standardiser.fit(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes / 2


# ---- hostile files ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", harness.GROUPS["readers"])
def test_hostile_files_give_right_data_or_a_data_error(name, tmp_path):
    outcome = harness.run(name, 2000, seed=int(os.environ.get("FUZZ_SEED", "0")), kept=tmp_path)
    assert outcome.passed > 1000, f"too few get past the first checks: {outcome}"


def test_the_command_that_tries_hostile_files(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fuzz", "idx", "--examples", "10", "--seed", "3"])
    fuzz()
    assert "idx: 10 tried" in capsys.readouterr().out
