"""Sphinx: ``python -m sphinx -W --keep-going -b html docs docs/_build/html``."""

project = "tinygrad_xent"
author = "The tinygrad_xent authors"
copyright = "2026, The tinygrad_xent authors"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "tinygrad_xent"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
