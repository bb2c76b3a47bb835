from __future__ import annotations

import html
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from leakhunt.report.escape import ELLIPSIS, Output, elide, escape
from tests.nasty_names import NASTY_NAMES

ANY_NAME = st.text(st.characters(exclude_categories=()), max_size=60)


def assert_visible(shown: str) -> None:
    """No character that moves, hides, recolours, reorders or breaks a line."""
    for character in shown:
        assert character == " " or unicodedata.category(character) not in {
            "Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs",
        }, f"{character!a} in {shown!a}"  # fmt: skip
    shown.encode("utf-8")  # no lone surrogate


@pytest.mark.parametrize("output", Output)
@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_nasty_names_are_visible_in_every_output(name: str, output: Output) -> None:
    assert_visible(escape(name, output))


@given(ANY_NAME, st.integers(0, 70) | st.none())
def test_any_text_is_visible_and_within_the_limit(name: str, limit: int | None) -> None:
    shown = escape(name, limit=limit)
    assert_visible(shown)
    assert limit is None or len(shown) <= limit


@given(ANY_NAME)
def test_escaping_twice_changes_nothing(name: str) -> None:
    assert escape(escape(name, limit=None), limit=None) == escape(name, limit=None)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_ascii_stays_as_it_is(name: str) -> None:
    assert escape(name, limit=None) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\u202eabc", "\\u202eabc"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("no\u00a0break", "no\\xa0break"),
        ("naïve 変数 🙂", "naïve 変数 🙂"),
        ("e\u0301", "e\u0301"),
        ("\u0301x", "\\u0301x"),
    ],
)
def test_how_it_looks(name: str, shown: str) -> None:
    assert escape(name) == shown


def test_stacked_marks_are_kept_to_two() -> None:
    assert escape("a" + "\u0301" * 4) == "a\u0301\u0301\\u0301\\u0301"


def test_a_long_name_loses_its_middle() -> None:
    assert escape("abcdefghij", limit=7) == f"abc{ELLIPSIS}hij"
    assert escape("abcdefghij", limit=7, ellipsis="...") == "ab...ij"
    assert escape("x" * 100_000, limit=21) == "x" * 10 + ELLIPSIS + "x" * 10


def test_an_escape_is_never_cut_in_two() -> None:
    for limit in range(40):
        shown = escape("\x1b" * 100, limit=limit)
        assert len(shown) <= limit
        assert shown.replace("\\x1b", "").replace(ELLIPSIS, "") == ""


@pytest.mark.parametrize("limit", range(6))
def test_tiny_limits(limit: int) -> None:
    assert len(elide("abcdefgh", limit)) <= limit
    assert len(elide("abcdefgh", limit, "...")) <= limit


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_markup_parses_back_to_the_plain_text(name: str) -> None:
    shown = escape(name)
    if shown.endswith("\\"):
        shown = shown[:-1] + "\\x5c"
    markup = escape(name, Output.MARKUP)
    assert Text.from_markup(markup, emoji=False).plain == shown
    assert Text.from_markup(f"[bold]{markup}[/bold]!", emoji=False).plain == f"{shown}!"


class _Collector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_html_is_text_and_attribute_only(name: str) -> None:
    shown = escape(name, Output.HTML)
    collector = _Collector()
    collector.feed(f"<p title=\"{shown}\" class='{shown}'>{shown}</p>")
    collector.close()
    assert collector.tags == [("p", [("title", escape(name)), ("class", escape(name))])]
    assert collector.text == escape(name)
    assert html.unescape(shown) == escape(name)


@given(ANY_NAME)
def test_dot_strings_do_not_end_early(name: str) -> None:
    shown = escape(name, Output.DOT, limit=None)
    unescaped = shown.replace("\\\\", "").replace('\\"', "")
    assert '"' not in unescaped
    assert "\\" not in unescaped


def test_dot_labels_hold_no_entities_of_the_name() -> None:
    """Graphviz reads them in labels, found by drawing the nasty names with it."""
    assert escape("a &amp; b", Output.DOT) == "a &amp;amp; b"


@given(ANY_NAME)
def test_folded_frames_hold_no_separator(name: str) -> None:
    assert ";" not in escape(name, Output.FOLDED)
