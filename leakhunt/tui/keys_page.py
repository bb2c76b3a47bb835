"""``docs/reference/tui-keys.md``, made from the table of keys."""

from __future__ import annotations

import sys

from leakhunt.tui.keys import groups

_HEAD = """\
# Keys of the terminal interface

A key means one thing in every view of `leakhunt tui`; where it has nothing to do, nothing happens.
This page is made from the bindings (`python -m leakhunt.tui.keys_page`), as is the help (`?`).
"""


def page() -> str:
    """The page."""
    parts = [_HEAD]
    for heading, keys in groups().items():
        rows = [f"| `{key.written}` | {key.does} |" for key in keys]
        parts.append("\n".join([f"## {heading}\n", "| key | does |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
