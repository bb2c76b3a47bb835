"""Write a test that fails while a finding leaks."""

from __future__ import annotations

import ast
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.hunt.saved_report import read_report
from leakhunt.hunt.whatif import find_finding

if TYPE_CHECKING:
    from leakhunt.report.assertion import ScenarioCall
    from leakhunt.report.model import Report

_FUNCTIONS: Final = ("setup", "cycle", "settle", "teardown")
_SCENARIO_BYTES_MAX: Final = 4 << 20
_FAR: Final = 4
"""Steps up to a common directory, beyond which a path is better written in full."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """A pytest file about one finding."""

    text: str
    name: str
    """The file name it is meant for."""
    is_complete: bool
    """Whether it runs as it is; otherwise one cycle of the load has to be written down."""

    def save(self, path: Path) -> None:
        """Write it as a new file, mode 0600.

        Raises UsageError when there is a file already (it may have been edited since), and
        LeakhuntError when it cannot be written.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(self.text)
        except FileExistsError as error:
            raise UsageError(
                f"{path} is there already, and may have been edited", hint="give another name"
            ) from error
        except (OSError, ValueError) as error:
            with contextlib.suppress(OSError, ValueError):
                path.unlink()  # a part of a test is none
            why = error.strerror if isinstance(error, OSError) else None
            raise LeakhuntError(
                f"{path} cannot be written: {why or error}", hint="give a file in a folder of yours"
            ) from error


def write_assertion(
    source: Report | Path, finding: str = "1", *, beside: Path | None = None
) -> Assertion:
    """A test for a finding, by rank or by the beginning of its fingerprint.

    ``source`` is a report, its file, or the directory that a hunt filled.  A hunt of a scenario
    gives a test that runs the scenario's cycles (its file is parsed, never imported); paths are
    written relative to the file ``beside``, when it is given.  Raises UsageError.
    """
    from leakhunt.report.assertion import assertion_name, assertion_text

    report = read_report(source) if isinstance(source, Path) else source
    found = find_finding(report, finding)
    scenario = _scenario_of(report, beside)
    load = None if report.load is None else report.load.command
    name = assertion_name(found)
    return Assertion(
        text=assertion_text(found, scenario, load),
        name=f"{name}.py",
        is_complete=scenario is not None,
    )


def _scenario_of(report: Report, beside: Path | None) -> ScenarioCall | None:
    """How to run one cycle; None when nothing can be read about it."""
    from leakhunt.report.assertion import ScenarioCall

    named = report.target.get("scenario")
    if not isinstance(named, str):
        return None
    path = Path(named).absolute()
    functions = _functions_in(path)
    if "cycle" not in functions:
        return None
    return ScenarioCall(path.stem, _folder_expression(path.parent, beside), functions)


def _functions_in(path: Path) -> dict[str, bool]:
    """Which functions of a scenario the file defines, and whether they are coroutine functions."""
    try:
        # A report names the file: it may be that of a pipe or of a device.
        if not path.is_file() or path.stat().st_size > _SCENARIO_BYTES_MAX:
            return {}
        body = ast.parse(path.read_bytes()).body
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return {}
    return {
        node.name: isinstance(node, ast.AsyncFunctionDef)
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in _FUNCTIONS
    }


def _folder_expression(folder: Path, beside: Path | None) -> str:
    """Relative to the test where that is short: the two then move together."""
    from leakhunt.report.assertion import literal

    relative = None if beside is None else os.path.relpath(folder, beside.absolute().parent)
    if relative is None or relative.count(os.pardir) > _FAR:
        return literal(str(folder))
    return f"str((Path(__file__).parent / {literal(relative)}).resolve())"
