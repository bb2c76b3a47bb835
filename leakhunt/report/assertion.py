"""A test that fails while a finding leaks: the text of a small pytest file."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import leakhunt
from leakhunt.detectors.base import Finding
from leakhunt.report.escape import escape

_CYCLES_LEAST, _CYCLES_MOST = 20, 500
_GROWN: Final = 5
"""Objects that have to be left behind before a test says that something leaks."""
_NAME_LENGTH: Final = 50
_WIDTH: Final = 88
_BUILTIN: Final = "builtins."


@dataclass(frozen=True, slots=True)
class ScenarioCall:
    """How a test does one cycle of a scenario."""

    module: str
    folder: str
    """A Python expression for the directory that goes onto the path."""
    async_by_function: dict[str, bool]
    """Those of ``setup``, ``cycle``, ``settle`` and ``teardown`` that it has, and whether they are
    coroutine functions."""

    @property
    def is_async(self) -> bool:
        """Whether an event loop is needed."""
        return any(self.async_by_function.values())


def assertion_name(finding: Finding) -> str:
    """``test_shop_bus_listeners``: a function's name out of the holder."""
    words = re.findall(r"[A-Za-z0-9]+", finding.holder.path) or [finding.fingerprint[:8]]
    name = f"test_{'_'.join(words).lower()}"
    if len(name) > _NAME_LENGTH:
        name = name[: name.rfind("_", 0, _NAME_LENGTH)] if "_" in name[5:_NAME_LENGTH] else name
    return f"{name[:_NAME_LENGTH].rstrip('_')}_does_not_grow"


def assertion_text(finding: Finding, scenario: ScenarioCall | None, load: str | None) -> str:
    """The file.  Without a scenario its test is skipped until somebody writes down one cycle of
    the load; ``load`` is the command that made it.  Names of the target are string literals.
    """
    return "\n".join(_lines(finding, scenario, load)) + "\n"


def _lines(finding: Finding, scenario: ScenarioCall | None, load: str | None) -> Iterator[str]:
    yield from _docstring(finding)
    yield ""
    if scenario is None:
        yield from ("import pytest", "", "")
        yield from _test(finding, "")
        wanted = f"write one cycle of the load here: {load}" if load else "write one cycle here"
        yield f"    pytest.skip({literal(wanted)})"
        return
    yield from _imports(scenario)
    if any(name in scenario.async_by_function for name in ("setup", "teardown")) or (
        scenario.is_async
    ):
        yield from _fixture(scenario)
    yield from _test(finding, "run" if scenario.is_async else "")
    yield f"    {_call(scenario, 'cycle', 'next(numbers)')}"


def _docstring(finding: Finding) -> Iterator[str]:
    words = (
        f"Fails while {_shown(finding.holder.path)} grows as leakhunt found it.",
        _shown(finding.title),
        f"Fingerprint {_shown(finding.fingerprint)}, written by leakhunt {leakhunt.__version__}.",
    )
    first, *more = [textwrap.wrap(sentence, _WIDTH) for sentence in words]
    yield f'"""{first[0]}'
    yield from first[1:]
    for paragraph in more:
        yield ""
        yield from paragraph
    yield '"""'


def _shown(text: str) -> str:
    """Literal inside of a docstring, whatever it holds."""
    return escape(text).replace("\\", "\\\\").replace('"', '\\"')


def _imports(scenario: ScenarioCall) -> Iterator[str]:
    if scenario.is_async:
        yield "import asyncio"
    yield from ("import importlib", "import itertools", "import sys")
    if "__file__" in scenario.folder:
        yield "from pathlib import Path"
    yield from ("", "import pytest", "")
    yield f"sys.path.insert(0, {scenario.folder})"
    yield f"scenario = importlib.import_module({literal(scenario.module)})"
    yield from ("numbers = itertools.count()", "", "")


def _fixture(scenario: ScenarioCall) -> Iterator[str]:
    """What goes before the cycles and after them, once for all of them."""
    yield f'@pytest.fixture(scope="module"{"" if scenario.is_async else ", autouse=True"})'
    yield "def run():" if scenario.is_async else "def set_up():"
    indent = "    "
    if scenario.is_async:
        yield "    with asyncio.Runner() as runner:"
        yield "        run = runner.run"
        indent = "        "
    if "setup" in scenario.async_by_function:
        yield indent + _call(scenario, "setup")
    yield indent + ("yield run" if scenario.is_async else "yield")
    if "teardown" in scenario.async_by_function:
        yield indent + _call(scenario, "teardown")
    yield from ("", "")


def _test(finding: Finding, argument: str) -> Iterator[str]:
    arguments = f"cycles={_cycles(finding)}"
    if only := _only(finding):
        arguments += f", types=[{literal(only)}]"
    yield f"@pytest.mark.leakhunt({arguments})"
    yield f"def {assertion_name(finding)}({argument}):"


def _call(scenario: ScenarioCall, name: str, argument: str = "") -> str:
    call = f"scenario.{name}({argument})"
    return f"run({call})" if scenario.async_by_function[name] else call


def _cycles(finding: Finding) -> int:
    """Enough that what grows stands out."""
    rate = abs(finding.count_per_cycle or 0)
    wanted = math.ceil(_GROWN / rate) if rate else _CYCLES_LEAST
    return min(max(wanted, _CYCLES_LEAST), _CYCLES_MOST)


def _only(finding: Finding) -> str:
    """What the test is about: the program's own type that leaks, else the holder."""
    quoted: list[str] = re.findall("`([^`]+)`", finding.title)
    leaked = {one.type for one in finding.leaked}
    for name in quoted:
        if name in leaked and not name.startswith(_BUILTIN):
            return name
    is_place = not finding.holder.path.startswith("<")
    return finding.holder.path if is_place else ""


def literal(text: str) -> str:
    """A Python string literal, ASCII only, in double quotes where that needs no escapes."""
    plain = text.isascii() and text.isprintable() and not {'"', "\\"} & set(text)
    return f'"{text}"' if plain else ascii(text)
