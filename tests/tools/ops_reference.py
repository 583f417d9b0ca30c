"""Write docs/reference/{ops,functions}.md: ``python tests/tools/ops_reference.py``.

Everything on the pages is read off the package: the formulas from the rules, NumPy's names from the
registered twins, what has been checked from the rows of tests/cases.py.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinygrad_xent import ops
from tinygrad_xent.op import NUMPY_TWINS, Op

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "ops.md"
FUNCTIONS = ROOT / "docs" / "reference" / "functions.md"
ON_LOSSES_PAGE = (
    "cross_entropy",
    "linear_cross_entropy",
    "losses",
    "softmax",
    "targets",
)  # written by hand
# Where PyTorch's name is not ours: under torch, torch.nn.functional (F) or as a Tensor's method.
# None where it has nothing of the kind.
TORCH: dict[str, str | None] = {
    "append": "cat",
    "array_split": "tensor_split",
    "astype": "Tensor.to",
    "average": None,
    "binary_cross_entropy": "F.binary_cross_entropy",
    "binary_cross_entropy_with_logits": "F.binary_cross_entropy_with_logits",
    "broadcast_arrays": "broadcast_tensors",
    "cbrt": None,
    "cross_entropy": "F.cross_entropy",
    "dropout": "F.dropout",
    "elu": "F.elu",
    "entr": "special.entr",
    "expand_dims": "unsqueeze",
    "gaussian_nll_loss": "F.gaussian_nll_loss",
    "gelu": "F.gelu",
    "getitem": "Tensor.__getitem__",
    "hardtanh": "F.hardtanh",
    "kl_div": "F.kl_div",
    "leaky_relu": "F.leaky_relu",
    "linear": "F.linear",
    "linear_cross_entropy": "F.linear_cross_entropy",
    "log_sigmoid": "F.logsigmoid",
    "matrix_transpose": "Tensor.mT",
    "max": "amax",
    "min": "amin",
    "mse_loss": "F.mse_loss",
    "nll_loss": "F.nll_loss",
    "one_hot": "F.one_hot",
    "pad": "F.pad",
    "partition": None,
    "power": "pow",
    "ptp": None,
    "recurrence": None,
    "relu6": "F.relu6",
    "repeat": "repeat_interleave",
    "rint": "round",
    "rollaxis": "movedim",
    "scatter_add": "Tensor.index_put_",
    "silu": "F.silu",
    "softplus": "F.softplus",
    "softsign": "F.softsign",
    "split": "tensor_split",
    "take_along_axis": "take_along_dim",
    "unfused_cross_entropy": None,
    "unfused_linear_cross_entropy": None,
    "xlog1py": "special.xlog1py",
}


def rooms() -> Iterator[tuple[ModuleType, list[tuple[Any, type[Op] | None]]]]:
    """Each room of ops with its public functions in order, and the op that stands above each."""
    public = {getattr(ops, name): name for name in ops.__all__}
    for path in sorted(Path(ops.__path__[0]).glob("*.py")):
        if path.stem == "__init__":
            continue
        module = importlib.import_module(f"tinygrad_xent.ops.{path.stem}")
        above: type[Op] | None = None
        found: list[tuple[Any, type[Op] | None]] = []
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                cls = getattr(module, node.name)
                above = cls if issubclass(cls, Op) and cls.rules else above
            elif isinstance(node, ast.FunctionDef):
                function = getattr(module, node.name)
                if function in public:
                    found.append((function, above))
                    above = None
        if found:
            yield module, found


def numpy_names(function: Any) -> str:
    names = [twin for twin, ours in NUMPY_TWINS.items() if ours is function]
    return ", ".join(f"`np.{twin.__name__}`" for twin in names if hasattr(np, twin.__name__))


def torch_name(name: str) -> str:
    wanted = TORCH.get(name, name)
    return f"`{wanted}`" if wanted else ""


def formulas(op: type[Op]) -> tuple[str, str]:
    """The value, and what each argument's rule sends back."""
    try:
        application: Any = op()
        texts = [application.formula(i) for i in (None, *range(len(op.rules)))]
    except TypeError:  # its attributes have no defaults: their names will do
        texts = [f.formula for f in (op.forward, *op.rules)]  # type: ignore[attr-defined]
    value, *rules = [re.sub(r"\{(\w+)\}", r"\1", text).replace("|", "\\|") for text in texts]
    sent = [f"{name}: {rule}" for name, rule in zip(op.arguments, rules, strict=True)]
    return value, "<br>".join(sent)


def _sentence(function: Any) -> str:
    """What a function without an op of its own says of itself first."""
    text = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    return "*" + text.replace("``", "`").replace("|", "\\|").rstrip(".") + "*"


def page() -> str:
    """The table of all ops."""
    sys.path.insert(0, str(ROOT / "tests"))
    from cases import CASES

    checked = {case.name: max(c.order for c in CASES if c.name == case.name) for case in CASES}
    lines = [
        "# All ops",
        "",
        "Written by `tests/tools/ops_reference.py` from the ops themselves. ḡ is the gradient of",
        "the loss with respect to the op's output y; each rule says what goes back to an argument.",
        '"Checked" counts the orders of derivatives compared with finite differences by the tests;',
        "a function without a rule is made of the others, or has no gradient.",
    ]
    for module, functions in rooms():
        title = (inspect.getdoc(module) or "").splitlines()[0].rstrip(".")
        lines += ["", f"## {module.__name__.rpartition('.')[2]}", "", title + ".", ""]
        lines += [
            "| function | y | rules | NumPy | PyTorch | checked |",
            "|---|---|---|---|---|---|",
        ]
        for function, op in functions:
            value, rules = formulas(op) if op else (_sentence(function), "")
            status = f"{checked[op.__name__]} orders" if op and op.__name__ in checked else ""
            name = f"`{function.__name__}`"
            cells = [name, value, rules, numpy_names(function), torch_name(function.__name__)]
            lines.append("| " + " | ".join([*cells, status]) + " |")
    return "\n".join(lines) + "\n"


def functions_page() -> str:
    """Every public function for autodoc, by room; names for the same; what has no gradient."""
    lines = [
        "# Functions of arrays",
        "",
        "Written by `tests/tools/ops_reference.py`. Each function takes Tensors, arrays and",
        "numbers. Given a Tensor it returns a Tensor and records what it did; given arrays alone",
        "it returns an array. NumPy's function of the same name, called with a Tensor, calls the",
        "one here. The formula of every rule stands in the [table of all ops](ops.md); losses and",
        "softmax have [a page of their own](losses.md).",
    ]
    rest = [name for name in ops.__all__ if name != "LikelyMistake"]
    for module, functions in rooms():
        room = module.__name__.rpartition(".")[2]
        names = [function.__name__ for function, _ in functions]
        rest = [name for name in rest if name not in names]
        if room not in ON_LOSSES_PAGE:
            lines += ["", f"## {room.capitalize()}", "", *_directives(names)]
    plain = [name for name in rest if getattr(ops, name).__name__ == name]
    lines += ["", "## Without a gradient", "", "These answer with plain arrays.", ""]
    lines += _directives(plain)
    lines += ["", "## Other names", "", "NumPy has two names for some functions; so has this.", ""]
    lines += ["```{eval-rst}", ".. currentmodule:: tinygrad_xent", ""]
    for name in rest:
        if name not in plain:
            lines += [f".. function:: {name}", "", f"   `{getattr(ops, name).__name__}`", ""]
    return "\n".join([*lines[:-1], "```"]) + "\n"


def _directives(names: list[str]) -> list[str]:
    lines = [f".. autofunction:: {name}" for name in names]
    return ["```{eval-rst}", ".. currentmodule:: tinygrad_xent", "", *lines, "```"]


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    for path, text in ((PAGE, page()), (FUNCTIONS, functions_page())):
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
