"""Pages that show other packages: each example runs, where those are installed."""

import inspect
import re
from doctest import ELLIPSIS
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import tinygrad_xent as tx

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

ROOT = Path(__file__).parents[1]
PAGES = ["docs/how-to/moving-on-to-pytorch.md"]  # which conftest.py leaves to this test


@pytest.mark.parametrize("page", PAGES)
def test_what_the_page_shows_is_so(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parsers = [PythonCodeBlockParser(doctest_optionflags=ELLIPSIS)]
    examples = list(Sybil(parsers, path=str(ROOT)).parse(ROOT / page))
    assert len(examples) > 10
    for example in examples:
        example.evaluate()


def resolved(name, names):
    found = names[name.partition(".")[0]]
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


def test_the_names_in_the_table_are_there():
    import safetensors.torch
    import torch

    ours = {"tx": tx}
    theirs = {"torch": torch, "nn": torch.nn, "optim": torch.optim, "safetensors": safetensors}
    text = (ROOT / PAGES[0]).read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    found = 0
    for _, here, there in rows:
        for column, names in ((here, ours), (there, theirs)):
            heads = "|".join(names)
            for name in re.findall(rf"(?<![\w.])(?:{heads})\.[\w.]*\w", column):
                assert resolved(name, names) is not None
                found += 1
    assert found > 25


def test_optimizers_and_options_of_the_loss_have_the_same_names():
    import torch

    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad"):
        assert {name} <= set(dir(tx.optim)) & set(dir(torch.optim))
    for option in ("weight", "ignore_index", "label_smoothing", "reduction"):
        for function in (tx.cross_entropy, torch.nn.functional.cross_entropy):
            assert option in inspect.signature(function).parameters


def test_an_update_of_data_between_forward_and_backward():
    """What the page says of ``p.data -= lr * p.grad``, here and there."""
    import torch

    grads = []
    for make in (
        lambda: tx.Tensor([3.0], requires_grad=True),
        lambda: torch.tensor([3.0], requires_grad=True),
    ):
        w = make()
        square = (w * w).sum()
        w.data -= 1.0
        square.backward()
        grads.append(w.grad.item())
    assert grads == [6.0, 4.0]
