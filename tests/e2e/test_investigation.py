"""A whole investigation of the shop in a real terminal: from the first screen to each holder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leakhunt.hunt.saved_report import read_report
from leakhunt.report.model import Report
from tests.e2e.servers import SHOP_PYTHON
from tests.e2e.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
LEAKHUNT = [sys.executable, "-m", "leakhunt"]
HOLDERS = {
    "shop.reports.REPORTS.refreshers": "listener",
    "shop.bus.BUS.listeners['tick']": "listener",
    "shop.exports.SPOOL.files": "stream",
    "shop.audit.DIGEST.records": "log",
    "shop.store.ROW_CLASSES": "class",
    "shop.pricing.Tariff.remembered_price": "cache",
    "shop.cache.PAGES": "cache",
    "shop.rpc.WAREHOUSE.pending": "pending",
    "shop.timers.SCHEDULER._queue": "timer",
    "<garbage>": "cycle",
    "shop.orders.LEDGER.orders": "collection",
    "threading._active": "thread",
}
"""What the shop leaks on purpose, and by which mechanism."""

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, hunted under real requests."""
    if not SHOP_PYTHON.exists():
        pytest.skip("`make .venv-shop/.ready` makes the shop's environment")
    folder = tmp_path_factory.mktemp("shop") / "out"
    scenario = ROOT / "fixtures/scenarios/shop/leaky.py"
    command = [
        *LEAKHUNT, "hunt", "--scenario", str(scenario), "--cycles", "120", "--warmup", "20",
        "--python", str(SHOP_PYTHON), "--sites", "--save", str(folder),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return folder


@pytest.fixture(scope="module")
def report(saved: Path) -> Report:
    return read_report(saved)


def test_from_the_first_screen_to_each_holder(saved: Path, report: Report, tmp_path: Path) -> None:
    assert {f.holder.path: str(f.category) for f in report.findings if f.rank <= 12} == HOLDERS
    with Terminal([*LEAKHUNT, "tui", str(saved)], tmp_path, (130, 44)) as terminal:
        first = terminal.wait_for("12 leaks", "per cycle", "frees", "resident, final")
        assert "listener" in first
        terminal.press("2")
        terminal.wait_for("types, in bytes", "builtins.dict")
        for rank, finding in enumerate(sorted(report.findings, key=lambda f: f.rank)[:12]):
            terminal.press("1", "Home", *["Down"] * rank)
            terminal.wait_for(f"── {finding.rank}  LEAK  {finding.category}", "confidence")
            terminal.press("Enter")
            last = finding.holder.path.rpartition(".")[2]
            is_garbage = finding.holder.path == "<garbage>"
            said = "no reference of the program holds it" if is_garbage else last
            terminal.wait_for("what if", said)  # a key that only the chain has: it is shown
        terminal.press("q")
        assert terminal.exit_code() == 0


def test_who_holds_it_where_it_was_made_and_what_goes_on(saved: Path, tmp_path: Path) -> None:
    with Terminal([*LEAKHUNT, "tui", str(saved)], tmp_path, (130, 44)) as terminal:
        terminal.wait_for("1 Case")
        terminal.press("4")
        terminal.wait_for("all roots", "shop.bus.BUS", "all others")
        terminal.press("Enter")
        terminal.wait_for("all roots › shop.reports.REPORTS")
        terminal.press("5")
        terminal.wait_for("sites of findings", "▶", "shop/session.py")
        terminal.press("l")
        terminal.wait_for("sites sampled")
        terminal.press("l")
        terminal.wait_for("flame graph of growth", "all ")
        terminal.press("6")
        terminal.wait_for("timers", "Warehouse.call", "MailBatch")
        terminal.press("7")
        terminal.wait_for("no process is watched")
        terminal.press("q")
        assert terminal.exit_code() == 0
        assert (saved / "notebook.json").stat().st_mode & 0o777 == 0o600


def test_a_report_and_a_test_are_written_from_the_case(saved: Path, tmp_path: Path) -> None:
    command = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(tmp_path), *LEAKHUNT]
    with Terminal([*command, "tui", str(saved)], tmp_path, (100, 30)) as terminal:
        terminal.wait_for("1 Case")
        terminal.press("1")
        terminal.wait_for("12 leaks", "confidence")
        terminal.press("T")
        terminal.wait_for("Write a test for the finding")
        terminal.press("Enter")
        terminal.wait_until(lambda: any(tmp_path.glob("test_*.py")))
        terminal.press("R")
        terminal.wait_for("Write the report")
        terminal.press("Enter")
        terminal.wait_until((tmp_path / "leak-report.html").exists)
        terminal.press("q")
        assert terminal.exit_code() == 0
    assert "shop.bus.BUS" in (tmp_path / "leak-report.html").read_text("utf-8")


def test_hunt_and_walk_in_one_command(tmp_path: Path) -> None:
    scenario = ROOT / "fixtures/scenarios/listener/leaky.py"
    command = [*LEAKHUNT, "hunt", "--scenario", str(scenario), "--cycles", "30", "--tui"]
    with Terminal(command, tmp_path, (80, 24)) as terminal:
        terminal.wait_for("1 leak", "leaky.BUS.listeners")
        terminal.press("q")
        assert terminal.exit_code() == 1
