"""A naive reader of our C sources: the rules of docs/contributing.md that a machine can see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "leakhunt").rglob("native/*.[ch]"))
IDS = [str(path.relative_to(ROOT / "leakhunt")) for path in SOURCES]

MOST_LINES = 500
MOST_COLUMNS = 100
# A file-local helper this short says what it does by its name and body.
SHORT_BODY = 10
VERSION_CHECK = re.compile(r"\b(PY_VERSION_HEX|PY_MINOR_VERSION|PY_MAJOR_VERSION)\b")
# The return type stands on a line of its own, the name of a function starts the next.
DEFINITION = re.compile(
    r"^(?!static inline\b)(?P<type>\w[\w *()]*)\n(?P<name>\w+)\((?s:.*?)\)\n\{", re.MULTILINE
)
# ... or both stand on one line, as in `static int name(...) {` or with the brace below.
ONE_LINE = re.compile(
    r"^(?!static inline\b|typedef\b|else\b|return\b|struct\s+\w+\s*\{)"
    r"(?:\w+[\s*]+)+(?P<name>(?!__attribute__)\w+)\([^;{}]*\)\s*\{",
    re.MULTILINE,
)
# A declaration ends in a semicolon.
DECLARATION = re.compile(r"^(?:extern\s+)?(?:\w+[\s*]+)+(?P<name>\w+)\([^;{}]*\);", re.MULTILINE)

pytestmark = pytest.mark.parametrize("path", SOURCES, ids=IDS)


def without_comments(text: str) -> str:
    """The text with comments and strings blanked, line numbers kept."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match.group())

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.DOTALL)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def test_no_source_includes_a_source(path: Path) -> None:
    assert re.findall(r'#\s*include\s*[<"][^>"]*\.c[>"]', path.read_text("utf-8")) == []


def test_files_are_short_and_lines_too(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= MOST_LINES
    long = [i for i, line in enumerate(lines, 1) if len(line) > MOST_COLUMNS]
    assert long == []


def test_no_tabs_and_no_trailing_blanks(path: Path) -> None:
    lines = path.read_text("utf-8").split("\n")
    assert [i for i, line in enumerate(lines, 1) if "\t" in line or line != line.rstrip()] == []
    assert lines[-1] == ""


def test_versions_are_checked_in_compat_only(path: Path) -> None:
    if path.name == "compat.h":
        return
    text = without_comments(path.read_text("utf-8"))
    assert [line_of(text, m.start()) for m in VERSION_CHECK.finditer(text)] == []


def commented(lines: list[str], line: int) -> bool:
    """Whether a comment ends above a line (blanks, preprocessor, attributes between them pass)."""
    above = line - 2
    while above >= 0 and re.match(r"$|#|__attribute__|LK_\w+$", lines[above]):
        above -= 1
    # PyDoc_STRVAR ends in `");`: the text that users read is a contract too.
    return above >= 0 and lines[above].rstrip().endswith(("*/", '");'))


def commented_declarations(folder: Path) -> set[str]:
    """Names of functions that a commented paragraph of a header of the folder declares.

    One comment may serve declarations that follow each other without a blank line.
    """
    names = set()
    for header in folder.glob("*.h"):
        for paragraph in re.split(r"\n[ \t]*\n", header.read_text("utf-8")):
            if paragraph.startswith("/*"):
                code = without_comments(paragraph)
                names |= {match["name"] for match in DECLARATION.finditer(code)}
    return names


def test_every_function_has_a_comment_above_it(path: Path) -> None:
    """At its definition, or at its declaration in a header beside it."""
    text = path.read_text("utf-8")
    code = without_comments(text)
    declared = commented_declarations(path.parent)
    found = {m.start(): m["name"] for m in ONE_LINE.finditer(code)}
    found |= {m.start(): m["name"] for m in DEFINITION.finditer(code)}
    lines = text.splitlines()
    bare = []
    for start, name in sorted(found.items()):
        line = line_of(code, start)
        body = lines[line - 1 :][: lines[line - 1 :].index("}")]
        is_short_helper = lines[line - 1].startswith("static") and len(body) <= SHORT_BODY
        if not (is_short_helper or name in declared or name.startswith("PyInit_")):
            bare += [] if commented(lines, line) else [f"{path.name}:{line}: {name}"]
    assert bare == []


def test_a_header_guards_itself(path: Path) -> None:
    if path.suffix == ".h":
        code = without_comments(path.read_text("utf-8")).strip()
        assert re.match(r"#ifndef (\w+)\n#define \1\b|#pragma once", code)
