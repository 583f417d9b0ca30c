"""Twelve lessons on why cross-entropy: text, an experiment that runs, a picture, exercises.

Each lesson is a Markdown page (``l06_*.md``) that reads well on its own, and a small module of the
same name that draws its picture and computes the answers of its exercises.
"""

from .answers import Exercise, Verdict
from .page import Lesson, lesson, lessons
from .running import check, picture, run

__all__ = ["Exercise", "Lesson", "Verdict", "check", "lesson", "lessons", "picture", "run"]
