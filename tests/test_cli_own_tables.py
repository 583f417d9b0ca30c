"""Tables as people have them, through the commands: names, few rows, many classes, no room."""

import subprocess
import sys

import pytest

import tinygrad_xent as tx
from tinygrad_xent.cli import main


def test_data_recognises_decimal_commas(tmp_path, capsys):
    path = tmp_path / "de.csv"
    path.write_text("a;b;c;y\n1,5;x;1,5;u\n-2,25;y;x;v\n3;z;2;u\n", encoding="utf-8")
    assert main(["data", str(path)]) == 0
    said = {line[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "text (--decimal ,?)" in said["a"]
    assert "--decimal" not in said["b"]
    assert "--decimal" not in said["c"]  # of which one cell is a word
    assert main(["data", str(path), "--decimal", ","]) == 0
    assert "--decimal" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        (list(range(5, 45)), True),
        ([7 * k % 40 for k in range(40)], True),  # each of 0 ... 39 once
        ([*range(39), 38], False),
        ([2 * k for k in range(40)], False),
        ([k + 0.5 * (k == 3) for k in range(40)], False),
    ],
)
def test_a_column_that_numbers_the_rows_is_told(ids, told, tmp_path, capsys):
    path = tmp_path / "t.csv"
    rows = [f"{i},{k % 7 / 2},{'uv'[k % 2]}" for k, i in enumerate(ids)]
    path.write_text("\n".join(["id,x,class", *rows]), encoding="utf-8")
    says = "--ignore id"
    train = ["train", "--data", str(path), "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main(train) == 0
    assert (says in capsys.readouterr().out) == told
    assert main([*train, "--ignore", "id"]) == 0
    assert says not in capsys.readouterr().out
    assert main(["data", str(path)]) == 0
    in_order = ids == sorted(ids)
    assert (says in capsys.readouterr().out) == (told and in_order)


def test_where_rows_are_few_any_column_may_happen_to_number_them(tmp_path, capsys):
    path = tmp_path / "t.csv"
    rows = [f"{k},{k % 3},{'uv'[k % 2]}" for k in range(12)]
    path.write_text("\n".join(["id,x,class", *rows]), encoding="utf-8")
    assert main(["train", "--data", str(path), "--epochs", "1", "--out", str(tmp_path / "r")]) == 0
    assert main(["data", str(path)]) == 0
    assert "--ignore" not in capsys.readouterr().out


NASTY = "a\x1b[2J\x07b\u202ec"


def test_names_in_a_table_are_told_as_text(tmp_path, capsys):
    """File, column and class: nothing of them moves the cursor or turns what is beside."""
    path = tmp_path / "f\x1b[5m.csv"
    try:
        path.touch()
    except OSError:  # Windows has no such names
        path = tmp_path / "f.csv"
    lines = [
        f"x,y{NASTY},class{NASTY}",
        *(f"{k},{7 * k % 11},{'u' * (k % 2)}{NASTY}" for k in range(30)),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "r\x1b[5m" if path.name != "f.csv" else tmp_path / "r"
    for words in (
        ["data", str(path)],
        ["train", "--data", str(path), "--epochs", "1", "--out", str(out)],
        ["evaluate", "--model", str(out), "--data", str(path), "--out", str(tmp_path / "e")],
        ["predict", "--model", str(out), "--data", str(path), "--out", str(tmp_path / "p.csv")],
        ["train", "--resume", str(out), "--epochs", "2"],
        ["train", "--data", str(path) + "x"],
        ["train", "--data", str(path), "--label", NASTY],
        ["train", "--resume", str(path)],
    ):
        main(words)
        said = capsys.readouterr()
        text = (said.out + said.err).replace("\n", "")
        text = "".join(line for line in text.split("\r"))
        assert text.isprintable(), (words, [c for c in text if not c.isprintable()])


def test_of_many_classes_the_example_shows_those_that_matter(tmp_path, capsys):
    path = tmp_path / "many.csv"
    lines = ["x,y,class", *(f"{k % 60 + k / 1000},{k % 7},name {k % 60}" for k in range(600))]
    path.write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "run"
    assert main(["train", "--data", str(path), "--epochs", "1", "--out", str(out)]) == 0
    said = capsys.readouterr().out.split("gradient at z\n")[1]
    rows = [line.split() for line in said.split("\n\n")[0].splitlines()]
    assert len(rows) == 20
    assert rows[0][3] == "1"  # p of the label, whose |q - p| is the largest
    apart = [abs(float(row[4])) for row in rows]
    assert apart == sorted(apart, reverse=True)
    assert "the 20 of 60 classes with the largest |q - p|" in said
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "the 20 of 60 classes with the largest |q - p|" in page


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break in another way")
def test_who_reads_the_output_may_stop(tmp_path):
    words = [sys.executable, "-m", "tinygrad_xent", "data"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert said == b""


@pytest.mark.parametrize("classes", [2, 7, 12])
def test_two_columns_of_any_number_of_classes(classes, tmp_path):
    path = tmp_path / "plane.csv"
    rows = (f"{k % classes + k / 1000},{k % 5},name {k % classes}" for k in range(120))
    path.write_text("\n".join(["x,y,class", *rows]), encoding="utf-8")
    out = tmp_path / "run"
    words = ["--data", str(path), "--epochs", "1", "--movie", "--quiet", "--out", str(out)]
    assert main(["train", *words]) == 0
    assert (out / "decision.png").exists()
    assert (out / "movie.html").exists()
    assert tx.load_model(out / "model.safetensors").sizes[-1] == classes


def test_three_rows_and_a_movie(tmp_path):
    path = tmp_path / "three.csv"
    path.write_text("x,y,class\n1,2,a\n2,3,b\n3,5,a\n", encoding="utf-8")
    out = tmp_path / "run"
    words = ["--data", str(path), "--epochs", "2", "--movie", "--quiet", "--out", str(out)]
    assert main(["train", *words]) == 0  # with one row to test on: a plane without width


FULL = """
import resource, sys
from tinygrad_xent.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
raise SystemExit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits")
@pytest.mark.parametrize("most", [20, 3000, 30_000])
def test_where_nothing_more_can_be_written(most, tmp_path):
    """The file is named, and nothing is left half written."""
    out = tmp_path / "run"
    words = ["train", "--data", "iris", "--epochs", "1", "--quiet", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(most), *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 1
    assert str(out) in done.stderr
    assert done.stderr.startswith("tinygrad-xent: error:")
    assert done.stderr.count("\n") == 1
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]
    assert all(path.stat().st_size < most for path in out.iterdir())


@pytest.mark.parametrize("name", ["kind", "k" * 50, "a\\b"])
def test_data_finds_the_label_as_train_does(name, tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text(f"x,{name},z\n1,none,2\n?,u,3\n2,none,4\n", encoding="utf-8")
    for given in (name, "1", "-2"):
        assert main(["data", str(path), "--label", given]) == 0
        said = capsys.readouterr().out
        assert "none (2), u (1)" in said  # "none" may be a class
        assert "rows with a missing cell: 1\n" in said
        assert said.splitlines()[-1].startswith("label: ")
    assert main(["data", str(path), "--label", "zz"]) == 1
    assert "label 'zz': no such column; there are 'x'" in capsys.readouterr().err
