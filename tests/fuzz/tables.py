"""Tables in hostile hands: CSV, TSV and .gz."""

import csv
import gzip
import io
import warnings
from pathlib import Path

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent.data.reading.table import Table, is_missing

from .mutations import any_of, noise, one_of

PLAIN = [
    b"cm,kg,size\n150,50,short\n180,80.5,tall\n160,,short\n",
    b"\xef\xbb\xbfa;b;c\r\n1;2;no\r\n3;4;yes\r\n-5e3;.5;no\r\n",
    b'"x, y"\t"z ""q"""\tlabel\n1\t2\t0\n3\t4\t1\n',
    b"5.1,3.5,1.4,0.2,setosa\n6.0,2.2,4.0,1.0,versicolor\n5.9,3,5.1,1.8,virginica\n",
    b"a|b|y\n1|2|10\n3|4|9\n5|6|9\n7|NA|10\n",
    "größe,gewicht,klasse\n1,2,groß\n3,4,klein\n".encode(),
    "a\tb\n1\tx\n2\ty\n".encode("utf-16"),
    b'id,v,y\n1,"2",a\n\n3,"4",b\n',
    b",".join(b"c%d" % j for j in range(40)) + b"\n" + (b"1," * 39 + b"k\n") * 12,
]
CELLS = [
    *("", "NA", "nan", "inf", "-inf", "1e400", "1e39", "3.5e38", "1e-400", "0x10", "1_000", "1,5"),
    *('"', '""', '"a', 'a"b', "'", "=1+1", "<script>", "\u202e", "\0", "\r", "\n", "é", "\ud800"),
    *("9" * 400, "9" * 5000, "x" * 140_000, "١٢", "True", " 7 ", "+7", "--7", "1e", ".", "?"),
]


def corpus():
    yield from PLAIN
    yield gzip.compress(PLAIN[0], mtime=0)
    yield gzip.compress(PLAIN[3], mtime=0)


def attempt(content, folder):
    """Read as users do; the numbers are those that Python's own csv and float find."""
    path = Path(folder, "table.csv")
    path.write_bytes(content)
    found = [
        refused(path, lambda: tx.data.read(path, drop_missing=True)),
        refused(path, lambda: tx.data.read(path, label=0, limit=2)),
        refused(path, lambda: tx.data.read_rows(path, ["cm", "kg"])),
    ]
    if found[0] is not None:
        judge(path, found[0])
    if found[1] is not None:
        assert len(found[1]) <= 2
    return first_checks(content)


def refused(path, read):
    """What the reader gives, or None if it refuses the file as it should."""
    try:
        return read()
    except tx.DataError as error:
        said = str(error)
    assert said.startswith(str(path)), said
    assert len(said) < 4000, "nobody reads so much"
    return None


def first_checks(content):
    """Whether it is text of two lines at least, by another road."""
    try:
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = content.decode("utf-16" if utf16 else "utf-8")
    except (OSError, EOFError, UnicodeError, ValueError, gzip.zlib.error):
        return False
    return "\0" not in text and len(text.strip().splitlines()) > 1


def judge(path, data):
    """Every row is there, with the numbers and the label of its line."""
    table = Table(path)
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    text = raw.decode(table.encoding)
    lines = io.StringIO(text, newline="")
    rows = list(csv.reader(lines, delimiter=table.delimiter, skipinitialspace=True))
    rows = [row for row in rows if len(row) > 1 or (row and row[0].strip())][table.has_header :]
    rows = [row for row in rows if not any(is_missing(cell) for cell in row[:-1])]
    rows = [row for row in rows if row[-1].strip().lower() not in ("", "na", "nan", "null", "?")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = np.array([[float(cell) for cell in row[:-1]] for row in rows], np.float32)
    if len(rows) == len(data):  # of labels such as n/a opinions differ
        assert np.array_equal(data.x, x)
        for row, k in zip(rows, data.y, strict=True):
            label, name = row[-1].strip(), data.classes[k]
            assert label == name or float(label) == float(name), (label, name)
    assert len(set(data.classes)) == len(data.classes)
    assert np.isfinite(data.x).all()


# ---- mutations --------------------------------------------------------------------------------


def mutate(rng, content):
    kind = rng.random()
    if kind < 0.08:
        return noise(rng, content)
    packed = content[:2] == b"\x1f\x8b"
    if packed and kind < 0.25:
        return any_of(rng, content)
    plain = gzip.decompress(content) if packed else content
    for _ in range(int(rng.integers(1, 4))):
        change = one_of(rng, [cell_changed, cell_changed, cells_swapped, lines_changed, written])
        plain = change(rng, plain) if rng.random() < 0.8 else any_of(rng, plain)
    return gzip.compress(plain, mtime=0) if packed or rng.random() < 0.05 else plain


def parted(rng, content):
    delimiter = one_of(rng, [b",", b";", b"\t", b"|"])
    best = max([b",", b";", b"\t", b"|"], key=content.count)
    delimiter = best if rng.random() < 0.9 else delimiter
    return [line.split(delimiter) for line in content.split(b"\n")], delimiter


def joined(rows, delimiter):
    return b"\n".join(delimiter.join(row) for row in rows)


def cell_changed(rng, content):
    rows, delimiter = parted(rng, content)
    row = one_of(rng, rows)
    cell = one_of(rng, CELLS).encode("utf-8", "surrogatepass")
    row[int(rng.integers(len(row)))] = cell if rng.random() < 0.6 else b"%d" % rng.integers(-9, 99)
    return joined(rows, delimiter)


def cells_swapped(rng, content):
    rows, delimiter = parted(rng, content)
    a, b = one_of(rng, rows), one_of(rng, rows)
    i, j = int(rng.integers(len(a))), int(rng.integers(len(b)))
    a[i], b[j] = b[j], a[i]
    return joined(rows, delimiter)


def lines_changed(rng, content):
    """A line or a column too many, too few, twice."""
    rows, delimiter = parted(rng, content)
    k = int(rng.integers(len(rows)))
    kind = int(rng.integers(5))
    if kind == 0:
        del rows[k]
    elif kind == 1:
        rows.insert(k, list(one_of(rng, rows)))
    elif kind == 2:
        rows[k] = rows[k][:-1] if rng.random() < 0.5 else [*rows[k], b"1"]
    elif kind == 3:
        rows = [[row[0], *row] for row in rows]
    else:
        rows = rows * int(rng.integers(2, 30))
    return joined(rows, delimiter)


def written(rng, content):
    """The same cells, written another way."""
    kind = int(rng.integers(5))
    if kind == 0:
        return content.replace(b"\n", one_of(rng, [b"\r\n", b"\r", b"\n\n"]))
    if kind == 1:
        return content.replace(one_of(rng, [b",", b";"]), one_of(rng, [b";", b"\t", b" ", b"|"]))
    if kind == 2:
        try:
            return content.decode("utf-8").encode(one_of(rng, ["utf-16", "utf-16-le", "cp1252"]))
        except UnicodeError:
            return content
    if kind == 3:
        return content.replace(b"1", one_of(rng, [b'"1"', b" 1", b"1.0", b"01"]))
    return b"\xef\xbb\xbf" + content
