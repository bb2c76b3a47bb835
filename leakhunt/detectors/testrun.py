"""What grows because tests are run: what the runner, its helpers and the library keep on purpose.

A test that is repeated leaves reports, captured logs, calls of mocks and the like behind.  They
belong to the run, not to the program under test.  Pure: a table over retaining paths.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from leakhunt.detectors.base import Finding


class _Rule(NamedTuple):
    """A step of a retaining path that tells whose growth it is."""

    reason: str
    type_prefix: str = ""
    """The type of a node on the path begins with this."""
    edges: tuple[str, ...] = ()
    """The edge out of that node, if it matters which; of any type when no type is given."""


_RULES = (
    _Rule("a fixture of wider scope holds it", "_pytest.fixtures.FixtureDef", (".cached_result",)),
    _Rule("captured logs", "_pytest.logging."),
    _Rule("captured output", "_pytest.capture."),
    _Rule("recorded warnings", "_pytest.recwarn."),
    _Rule("recorded warnings", "warnings.WarningMessage"),
    _Rule("pytest's own reports", "_pytest.reports."),
    _Rule("pytest's own records", "_pytest."),
    _Rule("pytest's own records", "pluggy."),
    _Rule("records of the asyncio plugin", "pytest_asyncio."),
    _Rule("records of the anyio plugin", "anyio.pytest_plugin."),
    _Rule("pytest-xdist's records", "xdist."),
    _Rule("what a mock remembers of its calls", "unittest.mock."),
    _Rule("what a mock remembers of its calls", "mock.mock."),
    _Rule("coverage data", "coverage."),
    _Rule("Hypothesis' own records", "hypothesis."),
    _Rule("leakhunt itself", "leakhunt."),
    _Rule("what functools.singledispatch looked up", edges=("._clear_cache",)),
    _Rule("names of slots that copyreg keeps with a class", edges=(".__slotnames__",)),
)
_RULES_OF_PATHS = (
    ("coverage.", "coverage data"),
    ("hypothesis.", "Hypothesis' own records"),
    ("unittest.", "unittest's own records"),
    ("_pytest.", "pytest's own records"),
    ("xdist.", "pytest-xdist's records"),
    ("leakhunt.", "leakhunt itself"),
    ("interpreter.warnings.", "filters that were in force when C code warned last"),
    ("sys.path_importer_cache", "what importing keeps of each folder, and each test has its own"),
    ("zipimport._zip_directory_cache", "what importing keeps of each archive"),
    ("_struct.<unknown>", "formats that the struct module keeps"),
)


def testrun_reason(finding: Finding, plugins: Collection[str]) -> str | None:
    """Whose it is when it belongs to the test run; None when it does not.  ``plugins``: packages
    of pytest plugins besides those known here.

    O(steps of the retaining path).
    """
    steps = [(step.edge, step.type) for step in finding.retaining_path]
    leaked = finding.leaked[0].type if finding.leaked else ""
    return reason_of_path(finding.holder.path, steps, leaked, plugins)


def reason_of_path(
    path: str, steps: Iterable[tuple[str, str]], leaked: str, plugins: Collection[str] = ()
) -> str | None:
    """The same for a path as text, its steps (edge, type it leads to), and the type that hangs
    there."""
    package = path.partition(".")[0]
    if package in plugins:
        return f"records of the plugin {package}"
    above = ""
    for edge, below in steps:
        for rule in _RULES:
            if _fits(rule, above, edge, below):
                return rule.reason
        above = below
    for rule in _RULES:
        if not rule.edges and leaked.startswith(rule.type_prefix):
            return rule.reason
    return next((reason for prefix, reason in _RULES_OF_PATHS if path.startswith(prefix)), None)


def _fits(rule: _Rule, above: str, edge: str, below: str) -> bool:
    if rule.edges:
        return above.startswith(rule.type_prefix) and edge in rule.edges
    return below.startswith(rule.type_prefix)
