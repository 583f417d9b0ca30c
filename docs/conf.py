"""Sphinx: ``python -m sphinx -q -W --keep-going -b html docs docs/_build/html``."""

import inspect
import os
import re
import sys
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError

# The reference is read off this checkout, the formulas of ops as for the table of all ops.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tools"))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import _lessons
import ops_reference

from tinygrad_xent import __version__, cli

project = "tinygrad_xent"
author = "The tinygrad_xent authors"
copyright = "2026, The tinygrad_xent authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_players"]

html_theme = "furo"
html_title = "tinygrad_xent"
html_static_path = ["_static"]
html_extra_path = ["_players"]  # what the lessons' pages show in frames; made below
Path(__file__).with_name("_players").mkdir(exist_ok=True)
html_css_files = ["custom.css"]
html_math_renderer = "mathml"
html_copy_source = False

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

default_role = "py:obj"  # a name in single backticks is a link, if there is such a name
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("Array", "DTypeLike", "Function", "Seed")}
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False


class Help(Directive):
    """``command-help``: what ``tinygrad-xent <argument> -h`` prints."""

    optional_arguments = 1

    def run(self):
        os.environ["COLUMNS"] = "88"
        with redirect_stdout(StringIO()) as printed, suppress(SystemExit):
            cli.main([*self.arguments, "-h"])
        text = printed.getvalue()
        return [nodes.literal_block(text, text, language="text")]


def plainer(app, what, name, obj, options, signature, returns):
    """Signatures without what says nothing: that an argument or a result is Any, or None."""
    if signature is None:
        return None
    nothing = r"~?(typing\.)?(Any|None)"
    array = r"ndarray\[tuple\[(Any|int), \.\.\.\], dtype\[\w+\]\]"
    arguments = re.sub(rf": {nothing}(?=[,)]| =)", "", signature)
    result = None if re.fullmatch(nothing, returns or "None") else returns
    return re.sub(array, "ndarray", arguments), result and re.sub(array, "ndarray", result)


def arguments_are_no_links(app, what, name, obj, options, lines):
    """The argument `var` of one function is not the function `var`; a field is no alias."""
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()
    try:
        arguments = inspect.signature(obj).parameters
    except (TypeError, ValueError):
        return
    for k, line in enumerate(lines):
        names = "|".join(arguments)
        lines[k] = re.sub(rf"(?<!`)`({names})`(?!`)", r"``\1``", line) if names else line


RULES = {
    function: ops_reference.formulas(op)
    for _, functions in ops_reference.rooms()
    for function, op in functions
    if op is not None
}


def with_formulas(app, what, name, obj, options, lines):
    """Below the first sentence of an op's function: its value and its rules, as in drawings."""
    if what != "function" or obj not in RULES:
        return
    value, rules = (text.replace("\\|", "|") for text in RULES[obj])
    below = lines.index("") if "" in lines else len(lines)
    formulas = ["", f"   y = {value}", *_lines(rules), ""]
    lines[below:below] = ["", ".. code-block:: text", *formulas]


def _lines(rules):
    return ["   ∂L/∂" + rule.replace(": ", " = ", 1) for rule in rules.split("<br>")]


def only_its_own(app, what, name, obj, skip, options):
    """A class lists its own methods; ops that are methods too stand among the functions."""
    is_op = str(getattr(obj, "__module__", "")).startswith("tinygrad_xent.ops")
    return True if what == "class" and is_op else None


def mathml(translator, node):
    """Formulas as MathML, which browsers draw without a script or a font from elsewhere."""
    shown = "inline" if isinstance(node, nodes.math) else "block"
    text = convert(node.astext(), display=shown)
    if shown == "block":
        text = f'<div class="math">{text}</div>'
    translator.body.append(text)
    raise nodes.SkipNode


def end_with_the_code(app, doctree):
    """A snippet ends with a blank line, for those who run it; a reader need not see that."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext().rstrip("\n")
        block.rawsource, block[:] = text, [nodes.Text(text)]


def nothing_from_elsewhere(app, failure):
    """A built page loads nothing from the network: no font, script, style or picture."""
    elsewhere = r"""["']?(?:https?:)?//[^>]*"""
    loads = rf"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc={elsewhere}"
    styles = rf"<link\b(?=[^>]*rel=\S*(?:stylesheet|preload|icon))[^>]*\bhref={elsewhere}"
    if failure is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            if found := re.search(f"{loads}|{styles}", page.read_text(encoding="utf-8")):
                raise ExtensionError(f"{page.name} loads from the network: {found[0]}")
        for style in Path(app.outdir).rglob("*.css"):
            if re.search(r"url\([\"']?(https?:)?//|@import", style.read_text(encoding="utf-8")):
                raise ExtensionError(f"{style.name} loads from the network")


def setup(app):
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
    app.add_directive("command-help", Help)
    app.connect("builder-inited", _lessons.write)
    app.connect("source-read", _lessons.from_the_package)
    app.connect("autodoc-process-signature", plainer)
    app.connect("autodoc-process-docstring", arguments_are_no_links)
    app.connect("autodoc-process-docstring", with_formulas, priority=900)
    app.connect("build-finished", nothing_from_elsewhere)
    app.connect("doctree-read", end_with_the_code)
    app.connect("autodoc-skip-member", only_its_own)
