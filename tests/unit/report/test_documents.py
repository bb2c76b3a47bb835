"""Reports as documents: what a person sees in them, and that no name of a target is markup."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from leakhunt.detectors.base import Finding, PathStep
from leakhunt.report.document import FORMATS, render_document
from leakhunt.report.document.markdown import code_span
from leakhunt.report.escape import Output, escape
from leakhunt.report.model import Report
from tests.golden.sample_reports import ALL, CLEAN, LEAKY, LISTENER, LIVE, PARTIAL
from tests.nasty_names import NASTY_NAMES

_IDS = range(len(NASTY_NAMES))


class Page(HTMLParser):
    """The elements of a page, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def markdown_tokens(text: str) -> list[Token]:
    """All tokens, those inside of others too, as a reader of tables and strikethrough sees them."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    return [*tokens, *(child for token in tokens for child in token.children or ())]


def named(name: str) -> Report:
    """A report in which everything that a target can name is called ``name``."""
    step = PathStep(edge=name, kind="attr", type=name)
    finding = replace(
        LISTENER,
        title=f"`{name}` grew by 1 per cycle",
        holder=replace(LISTENER.holder, path=name, type=name),
        leaked=(replace(LISTENER.leaked[0], type=name),),
        retaining_path=(step, step),
        evidence=(f"{name} is in it", name),
        advice=name,
        reason=name,
        co_holders=(replace(LISTENER.holder, path=name, type=name),),
    )
    return replace(
        LEAKY,
        target={"command": [name], "scenario": name, "pid": 4242, "python": {"version": name}},
        growth=(replace(LEAKY.growth[0], type=name), *LEAKY.growth[1:]),
        findings=(finding, *LEAKY.findings[1:]),
        errors=(name,),
        notes=(name,),
    )


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("name", ALL)
def test_says_what_the_screen_says(name: str, file_format: str) -> None:
    report = ALL[name]
    text = render_document(report, file_format)
    assert text.endswith("\n")
    for finding in report.findings:
        assert finding.fingerprint in text
        assert str(finding.category) in text


@pytest.mark.parametrize("name", ALL)
def test_a_page_is_whole_and_needs_nothing_else(name: str) -> None:
    page = Page(render_document(ALL[name], "html"))
    assert page.open == []
    used = {tag for tag, _ in page.elements}
    assert used.isdisjoint({"script", "img", "iframe", "link", "object", "embed", "form", "base"})
    for _, attributes in page.elements:
        assert not {"src", "srcset", "action", "data"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert all((a["href"] or "").startswith("#finding-") for a in page.named("a"))
    (policy,) = (m for m in page.named("meta") if "http-equiv" in m)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert "prefers-color-scheme: dark" in render_document(ALL[name], "html")


def test_links_lead_to_findings() -> None:
    page = Page(render_document(LEAKY, "html"))
    targets = {f"#{article['id']}" for article in page.named("article")}
    links = [a["href"] for a in page.named("a")]
    assert links
    assert set(links) <= targets


def test_what_needs_nothing_done_is_folded() -> None:
    text = render_document(LEAKY, "html")
    before, _, folded = text.partition("<details>")
    assert 'id="finding-2"' in before
    assert 'id="finding-3"' not in before  # noise
    assert 'id="finding-4"' in folded  # no leak
    assert "2 more that need nothing done" in folded


def test_bars_are_the_bill() -> None:
    page = Page(render_document(LEAKY, "html"))
    portions = [a for a in page.named("i") if "style" in a]
    assert portions
    assert portions[0]["title"] == "live objects 32.5 MiB"
    bill = LEAKY.bills["loaded"]
    longest = max(
        sum(max(part.bytes or 0, 0) for part in one.parts) for one in LEAKY.bills.values()
    )
    shares = {
        a["title"]: float((a["style"] or "").removeprefix("width:").removesuffix("%"))
        for a in portions
    }
    live = bill.part("live_python")
    assert live is not None
    assert shares["live objects 53.7 MiB"] == pytest.approx(100 * live / longest, abs=0.001)


def test_a_clean_report_says_so() -> None:
    assert "No leak" in Page(render_document(CLEAN, "html")).text
    assert "**No leak**: " in render_document(CLEAN, "markdown")


def test_a_partial_report_says_so_first() -> None:
    text = render_document(PARTIAL, "markdown")
    assert text.index("Partial result") < text.index("## ")
    assert "Partial result" in Page(render_document(PARTIAL, "html")).text


def test_a_live_report_tells_of_the_load() -> None:
    assert LIVE.load is not None
    assert LIVE.load.command is not None
    assert LIVE.load.command in Page(render_document(LIVE, "html")).text


@pytest.mark.parametrize("name", NASTY_NAMES, ids=_IDS)
def test_no_name_is_markup_in_html(name: str) -> None:
    page, plain = Page(render_document(named(name), "html")), Page(render_document(LEAKY, "html"))
    assert page.open == []
    tags = {tag for tag, _ in plain.elements} | {"p"}
    assert {tag for tag, _ in page.elements} <= tags
    assert len(page.named("article")) == len(plain.named("article"))
    assert all((a["href"] or "").startswith("#finding-") for a in page.named("a"))
    if name.strip():
        assert escape(name, limit=160) in page.text
    assert all(line.isprintable() for line in page.text.split("\n"))


@pytest.mark.parametrize("name", NASTY_NAMES, ids=_IDS)
def test_no_name_is_markup_in_markdown(name: str) -> None:
    text = render_document(named(name), "markdown")
    tokens = markdown_tokens(text)
    kinds = {token.type for token in tokens}
    allowed = {token.type for token in markdown_tokens(render_document(LEAKY, "markdown"))}
    assert kinds <= allowed | {"blockquote_open", "blockquote_close"}
    headings = [token for token in tokens if token.type == "heading_open"]
    plain = markdown_tokens(render_document(LEAKY, "markdown"))
    assert len(headings) == sum(token.type == "heading_open" for token in plain)
    assert all(line.isprintable() for line in text.rstrip("\n").split("\n"))


@pytest.mark.parametrize("name", NASTY_NAMES, ids=_IDS)
def test_a_code_span_shows_the_name(name: str) -> None:
    shown = escape(name)
    if not shown.strip():
        return
    paragraph = next(t for t in MarkdownIt("commonmark").parse(code_span(name)) if t.children)
    code = (paragraph.children or [])[0]
    assert (code.type, code.content) == ("code_inline", shown)


@pytest.mark.parametrize("name", NASTY_NAMES, ids=_IDS)
def test_prose_shows_the_name(name: str) -> None:
    shown = escape(name)
    if not shown.strip() or shown != shown.strip():
        return
    tokens = MarkdownIt("commonmark").parse(escape(name, Output.MARKDOWN))
    paragraph = next(token for token in tokens if token.children)
    assert "".join(child.content for child in paragraph.children or ()) == shown


@pytest.mark.parametrize("text", ["# x", "1. x", "- x", "+ x", "===", "---", "2) x"])
def test_prose_starts_no_block(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"word\n{escape(text, Output.MARKDOWN)}")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]


def test_numbers_keep_their_look() -> None:
    for text in ("61.0 MiB", "+20.9 MiB", "-976.6 KiB", "2,000 cycles"):
        assert escape(text, Output.MARKDOWN) == text


def test_text_is_the_screen_in_full() -> None:
    text = render_document(LEAKY, "text")
    assert "linecache keeps the source lines" in text
    assert "leakhunt whatif" not in text  # hints are for a terminal
    assert "\x1b" not in text


def test_a_fingerprint_cannot_end_its_code_span() -> None:
    odd = replace(LISTENER, fingerprint="a`<b>`")  # a report is a file: it may say anything
    text = render_document(replace(LEAKY, findings=(odd,)), "markdown")
    assert "fingerprint `` a`<b>` ``." in text


def test_findings_without_evidence() -> None:
    bare: Finding = replace(
        LISTENER, retaining_path=(), evidence=(), sites=(), leaked=(), advice="", co_holders=()
    )
    for file_format in FORMATS:
        assert LISTENER.fingerprint in render_document(
            replace(LEAKY, findings=(bare,)), file_format
        )
