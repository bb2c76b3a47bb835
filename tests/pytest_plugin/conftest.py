"""Every test runs pytest in a process of its own, on a suite that it writes down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHOP = """
class Session:
    def __init__(self):
        self.data = bytearray(50)

class Bus:
    def __init__(self):
        self.listeners = {}

BUS = Bus()
KEPT = []
"""

INSTALLED = ("anyio", "asyncio", "hypothesispytest", "randomly", "rerunfailures", "timeout")


class Suite:
    """A folder with ``shop.py`` and the test files that are added."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.beside: tuple[str, ...] = ()
        """Plugins that run beside ours; others that are installed are left out."""
        pytester.makepyfile(shop=SHOP)

    def run(self, tests: str, *options: str, **files: str) -> pytest.RunResult:
        """Run ``test_it.py`` with the text; the shop is imported, other files are written too."""
        text = "import gc, pytest\nfrom shop import BUS, KEPT, Session\n" + _dedent(tests)
        files = {name: _dedent(body) for name, body in files.items()}
        self.pytester.makepyfile(test_it=text, **files)
        return self.again(*options)

    def again(self, *options: str) -> pytest.RunResult:
        """Once more, what was written."""
        others = [f"-pno:{name}" for name in INSTALLED if name not in self.beside]
        return self.pytester.runpytest_subprocess(
            "-pno:cacheprovider", *others, *options, timeout=280
        )

    def report(self, name: str = "report.json") -> Any:
        """The JSON report."""
        return json.loads(Path(self.pytester.path / name).read_text("utf-8"))


def _dedent(text: str) -> str:
    import textwrap

    return textwrap.dedent(text)


def words(result: pytest.RunResult) -> str:
    """All that was printed, its lines joined."""
    return " ".join(result.stdout.str().split())


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    # pytest prints more where it runs unattended; tests of that say so themselves.
    for name in ("BUILD_NUMBER", "CI", "GITHUB_ACTIONS", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    return Suite(pytester)
