"""Which line of a stack is the user's own."""

from __future__ import annotations

import pytest

from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.sites import is_own_code, own_line

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
