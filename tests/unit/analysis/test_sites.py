"""Which line of a stack is the user's own."""

from __future__ import annotations

import pytest

from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.sites import (
    Estimate,
    Site,
    SiteBasis,
    is_own_code,
    own_line,
    summed_sites,
)

OWN = CodeLine("Session.__init__", "/app/shop/session.py", 14)
CALLER = CodeLine("serve", "/app/shop/app.py", 40)
JSON = CodeLine("loads", "/usr/lib/python3.12/json/__init__.py", 346)
SCANNER = CodeLine("decode", "/usr/lib/python3.12/json/decoder.py", 337)


@pytest.mark.parametrize(
    ("file", "is_own"),
    [
        ("/app/shop.py", True),
        ("shop.py", True),
        ("/home/me/lib/python/tools.py", True),
        ("/usr/lib/python3.11/json/decoder.py", False),
        ("/opt/lib64/python3.13/asyncio/tasks.py", False),
        ("/app/.venv/lib/python3.12/site-packages/pyee/base.py", False),
        ("/usr/lib/python3/dist-packages/yaml/reader.py", False),
        ("<frozen importlib._bootstrap>", False),
        ("<string>", False),
        ("/src/leakhunt/agent/scenario.py", False),
        ("/src/leakhunt/agent.py", True),
    ],
)
def test_own_code_is_told_by_its_file(file: str, is_own: bool) -> None:
    assert is_own_code(file) is is_own


def test_the_innermost_own_line_comes_first_and_then_what_it_calls() -> None:
    assert own_line([SCANNER, JSON, OWN, CALLER]) == (OWN, JSON)


def test_own_code_that_allocates_calls_nothing() -> None:
    assert own_line([OWN, CALLER]) == (OWN, None)


def test_without_own_code_the_innermost_line_stands() -> None:
    assert own_line([SCANNER, JSON]) == (SCANNER, None)


def sampled(line: CodeLine, value: float, half: float, samples: int) -> Site:
    estimate = Estimate(value, value - half, value + half)
    return Site(SiteBasis.SAMPLED, line, sample_count=samples, bytes=estimate, count=estimate)


def test_sites_of_several_processes_add_up() -> None:
    written = Site(SiteBasis.CLASS, OWN, type="shop.Session")
    first = (sampled(OWN, 100, 30, 2), written)
    second = (sampled(CALLER, 900, 10, 9), sampled(OWN, 300, 40, 5), written)
    most, both, by_class = summed_sites([first, second])
    assert (most.line, most.sample_count) == (CALLER, 9)
    assert (both.line, both.sample_count) == (OWN, 7)
    assert both.bytes == Estimate(400, 350, 450)
    assert by_class == written


def test_one_process_adds_nothing() -> None:
    sites = (sampled(OWN, 300, 40, 5), sampled(CALLER, 100, 30, 2))
    assert summed_sites([sites]) == sites
    assert summed_sites([]) == ()
