"""Sphinx settings of the manual (`make docs`, warnings are errors)."""

from __future__ import annotations

project = "leakhunt"
author = "leakhunt contributors"
copyright = "leakhunt contributors"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "news"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "alabaster"
html_title = "leakhunt"
html_show_sourcelink = False
html_theme_options = {
    "description": "A memory-leak detective for running CPython programs",
    "page_width": "1000px",
    "sidebar_width": "220px",
}
