"""The lessons: what each page must have, that its pictures appear, and that answers are judged."""

import re
import sys
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from articles.claims import CLAIMS

import tinygrad_xent as tx
from tinygrad_xent.cli import main
from tinygrad_xent.lessons.answers import Exercise
from tinygrad_xent.lessons.running import _module

TITLES = (
    "What the loss asks",
    "Counting is maximum likelihood",
    "Why logs",
    "Surprise and its price",
    "The chain rule is a graph walk",
    "q - p",
    "The same story as MSE",
    "Why not squared error on probabilities",
    "One label is enough",
    "Soft max, soft argmax",
    "Train it, then doubt it",
    "Curvature, noise and Fisher are one matrix",
)
LESSONS = tx.lessons.lessons()
PAGE = "# 1. X\n\n```python\n>>> {}\n```\n"
each = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def test_twelve_in_order():
    assert tuple(lesson.title for lesson in LESSONS) == TITLES
    assert [lesson.number for lesson in LESSONS] == list(range(1, 13))


@each
def test_a_page_has_its_parts(lesson):
    headings = re.findall(r"^## (.*)$", lesson.text, re.MULTILINE)
    wanted = ["The picture", "Try", "Exercises", "In the articles", "Sources"]
    assert [h for h in headings if h in wanted] == wanted
    assert lesson.text.startswith(f"# {lesson.number}. {lesson.title}\n\n> ")
    assert lesson.claim.endswith(".")
    assert lesson.claim.count(". ") == 0  # one sentence
    assert re.search(r"^\*\*A learner asked:\*\* \*\"", lesson.text, re.MULTILINE)


@each
def test_a_page_shows_its_claims(lesson):
    for claim in CLAIMS:
        line = f"- [{claim.article}] {claim.text}\n"
        assert (line in lesson.text) == (lesson.number in claim.lessons), line


@each
def test_code_fits_a_terminal_and_text_a_page(lesson):
    for kind, piece in lesson.parts(answers=True):
        longest = max(piece.splitlines(), key=len)
        assert len(longest) <= (92 if kind == "code" else 130), longest


@each
def test_exercises_are_asked_numbered_and_answered(lesson):
    exercises = _module(lesson).EXERCISES
    asked = lesson.text.partition("## Exercises")[2].partition("<details>")[0]
    assert re.findall(r"^(\d)\. ", asked, re.MULTILINE) == [
        str(n) for n in range(1, len(exercises) + 1)
    ]
    assert 2 <= len(exercises) <= 3
    answers = lesson.text.partition("<details>")[2].partition("</details>")[0]
    assert answers.count(f"tx.lessons.check({lesson.number}, ") == len(exercises)
    assert answers.count("\nRight: ") == len(exercises)
    assert "<details>" not in lesson.without_answers
    assert "\nRight: " not in lesson.without_answers


@each
def test_exercises_tell_wrong_from_right(lesson):
    for number, exercise in enumerate(_module(lesson).EXERCISES, 1):
        for wrong in (12345.678, "nonsense", None, lambda *_: -1.0, np.zeros((7, 7))):
            assert not tx.lessons.check(lesson.number, wrong, number), wrong
        if not exercise.inputs:
            right = exercise.answer()
            assert tx.lessons.check(lesson.number, right, number)
            for mistake, hint in exercise.mistakes:
                verdict = tx.lessons.check(lesson.number, mistake(), number)
                assert (bool(verdict), verdict.text) == (False, hint)
        for mistake, hint in exercise.mistakes if exercise.inputs else ():
            verdict = tx.lessons.check(lesson.number, mistake, number)
            assert (bool(verdict), verdict.text) == (False, hint)


@each
def test_running_writes_page_and_pictures(lesson, tmp_path):
    here = Path.cwd()
    heard = []
    written = tx.lessons.run(lesson.number, tmp_path, show=lambda *piece: heard.append(piece))
    assert Path.cwd() == here
    names = [path.name for path in written]
    assert names == [f"{lesson.name}.md", *lesson.pictures]
    assert f"{lesson.name}.png" in names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert {kind for kind, _ in heard} == {"text", "code", "output"}
    for path in written:
        assert path.stat().st_size > 1000, path


@each
def test_links_lead_somewhere(lesson):
    pages = {f"{other.name}.md" for other in LESSONS}
    for target in re.findall(r"\]\(([^)]+)\)", lesson.text):
        known = target in pages or target in lesson.pictures or target.startswith("https://")
        assert known, target


def test_every_lesson_leads_to_the_next():
    for lesson, after in pairwise(LESSONS):
        assert f"]({after.name}.md)" in lesson.text.partition("## Sources")[2]


def test_output_is_what_the_code_prints_now(tmp_path, monkeypatch):
    stale = tx.lessons.Lesson(1, "l01_what_the_loss_asks", PAGE.format("1 + 1\n3"))
    monkeypatch.setattr("tinygrad_xent.lessons.running.lesson", lambda number: stale)
    heard = []
    tx.lessons.run(1, tmp_path, show=lambda *piece: heard.append(piece))
    assert heard[1:] == [("code", "1 + 1\n"), ("output", "2\n")]


def test_without_matplotlib_the_rest_is_taught(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["lesson", "8", "--out", str(tmp_path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "not here: plots need matplotlib" in said
    assert "16 steps and 238: not drawn" in said
    assert (tmp_path / "l08_squares.svg").exists()
    assert not list(tmp_path.glob("*.png"))
    assert "squares 238 logs 16" in said


def test_a_folder_that_takes_nothing_is_found_before_the_lesson_begins(tmp_path, capsys):
    (tmp_path / "l01_what_the_loss_asks.md").mkdir()  # as root may write to any folder
    assert main(["lesson", "1", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("tinygrad-xent: error: ")
    assert "l01_what_the_loss_asks.md" in said.err


def test_a_mistake_in_a_lesson_is_not_swallowed(tmp_path, monkeypatch):
    broken = tx.lessons.Lesson(1, "l01_what_the_loss_asks", PAGE.format("1 / 0"))
    monkeypatch.setattr("tinygrad_xent.lessons.running.lesson", lambda number: broken)
    with pytest.raises(ZeroDivisionError):
        tx.lessons.run(1, tmp_path)


def test_answers():
    number = Exercise(lambda: 0.5, "why", "hint", mistakes=((lambda: 2.0, "upside down"),))
    assert str(number.check(0.501)) == "Right: why"
    assert str(number.check(tx.Tensor(0.5))) == "Right: why"
    assert str(number.check(0.51)) == "Not yet: hint"
    assert str(number.check(2)) == "Not yet: upside down"
    assert str(number.check([0.5, 0.5])) == "Not yet: wanted a number, got shape (2,)"
    assert str(number.check("half")) == "Not yet: wanted a number, got 'half'"
    assert not Exercise(lambda: 1.0, "why", "hint").check(True)
    word = Exercise(lambda: "yes", "why", "hint")
    assert word.check(" Yes ")
    assert str(word.check(1)) == "Not yet: wanted a word, got 1"
    array = Exercise(lambda: np.array([0.0, 1.0]), "why", "hint")
    assert array.check([0, 1.001])
    assert not array.check([1e-3, 1.0])
    assert str(array.check([[0, 1], [2]])) == (
        "Not yet: wanted numbers of shape (2,), got [[0, 1], [2]]"
    )
    truth = Exercise(lambda: True, "why", "hint")
    assert truth.check(np.True_)
    assert not truth.check(1)
    double = Exercise(lambda x: 2 * x, "why", "hint", inputs=((1.0,), (2.0,)))
    assert double.check(lambda x: x + x)
    assert str(double.check(lambda x: 2.0)) == "Not yet: f(2) gave 2, wanted 4; hint"
    assert str(double.check(3)) == "Not yet: wanted a function, got 3"
    assert str(double.check(lambda x: 1 / 0)) == (
        "Not yet: f(1) raised ZeroDivisionError: division by zero"
    )


@pytest.mark.parametrize(
    "third",
    [
        1 / 3,
        0.333,
        np.float32(1 / 3),
        Fraction(1, 3),
        Decimal("0.333"),
        tx.Tensor(1 / 3),
        tx.Tensor([1 / 3]),
        np.array([[1 / 3]]),
    ],
    ids=repr,
)
def test_a_right_answer_may_come_in_any_form(third):
    assert Exercise(lambda: 1 / 3, "why", "hint").check(third)
    thirds = Exercise(lambda: np.full(2, 1 / 3), "why", "hint")
    assert thirds.check((third, third))
    assert thirds.check([[1 / 3, 1 / 3]])  # as z.grad of a batch of one


@pytest.mark.parametrize("given", [None, np.log, {0.5}, {"red": 0.5}, object()])
def test_what_is_no_number_is_told_so(given):
    number = Exercise(lambda: 0.5, "why", "hint")
    assert number.check(given).text == f"wanted a number, got {given!r}"


def test_two_digits_are_told_from_a_mistake():
    third = Exercise(lambda: 1 / 3, "why", "hint")
    assert "three digits" in third.check(0.33).text
    assert third.check(0.32).text == "hint"


def test_a_function_that_works_in_place_changes_no_later_question():
    def twice(x):
        x *= 2
        return x

    double = Exercise(lambda x: 2 * x, "why", "hint", inputs=((np.array([1.0, 2.0]),),))
    assert double.check(twice)
    assert double.check(twice)
    np.testing.assert_array_equal(double.inputs[0][0], [1.0, 2.0])


@pytest.mark.parametrize("number", [0, 13, "6", None])
def test_no_such_lesson(number):
    with pytest.raises(ValueError, match=r"there is no lesson .*wanted 1 to 12"):
        tx.lessons.check(number, 1.0)


@pytest.mark.parametrize("exercise", [0, 9, "two", None])
def test_no_such_exercise(exercise):
    with pytest.raises(ValueError, match=f"lesson 6: there is no exercise {exercise!r};"):
        tx.lessons.check(6, 1.0, exercise)


def test_command_lists(capsys):
    assert main(["lesson"]) == 0
    listed = capsys.readouterr().out
    for title in TITLES:
        assert title in listed


def test_command_teaches(tmp_path, capsys):
    assert main(["lesson", "6", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "q - p" in said
    assert ">>> import tinygrad_xent as tx" in said
    assert "written to" in said
    assert "Right:" not in said
    assert "Next: lesson 7, the same story as MSE, which" in " ".join(said.split())
    assert (tmp_path / "out" / "l06_q_minus_p.png").exists()


@pytest.mark.parametrize("words", [["99"], ["6", "--all"], [], ["--answers"]])
def test_command_refuses(words, tmp_path, capsys):
    assert main(["lesson", *words, "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("tinygrad-xent: error: lesson")
