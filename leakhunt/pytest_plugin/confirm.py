"""``--leakhunt-confirm``: repeat a test that left something behind, and judge it by that."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from _pytest.outcomes import OutcomeException

from leakhunt.hunt.within.examine import CYCLES_MIN, TooLongError, Wishes
from leakhunt.pytest_plugin.ledger import Ledger, watched_test
from leakhunt.pytest_plugin.repeat import Repeater
from leakhunt.report.watched_test import Outcome
from leakhunt.testing.filters import Filter

CONFIRM_CYCLES = 20
_REPEAT_S = 60.0
"""A slow test gets fewer cycles than that, to take no longer; CYCLES_MIN at least."""
_LIMIT_S = 2 * _REPEAT_S
"""Then it is given up: with CYCLES_MIN cycles, or because they grow slower and slower."""


def confirm(
    ledger: Ledger,
    item: pytest.Item,
    nextitem: pytest.Item | None,
    *,
    objects: int,
    blocks: int,
    run_s: float,
    lost: Mapping[str, type],
) -> None:
    """Enter it into the ledger; ``objects`` and ``blocks`` are what its first run left, which
    took ``run_s`` seconds; ``lost``: containers that plugins gave the test while it ran."""
    started = time.perf_counter_ns()
    wishes = Wishes(
        cycles_of(run_s),
        ends_when_quiet=True,
        limit_s=_LIMIT_S,
        wants_addresses=ledger.graph_dir is not None,
    )
    try:
        result = Repeater(item, lost).examine(wishes, is_set_up=False)
    except (Exception, OutcomeException) as exc:  # noqa: BLE001 - whatever a test may raise
        note = f"it cannot be repeated: {type(exc).__name__}: {_first_line(exc)}"
        if isinstance(exc, TooLongError):
            note = f"it was not judged: {exc}"
        values = {"objects": objects, "blocks": blocks, "notes": (note,)}
        ledger.note(watched_test(item, Outcome.LEFT, **values))
        return
    finally:
        _tear_down(ledger, item, nextitem)
        ledger.confirm_ns += time.perf_counter_ns() - started
    wanted = ledger.with_known(Filter())
    leaks = ledger.note_examined(item, result, wanted, objects=objects, blocks=blocks)
    if leaks and ledger.is_failing:
        from leakhunt.pytest_plugin.failure import log_failure

        log_failure(item, result, wanted, ledger.next_steps(item.nodeid, leaks, result))


def cycles_of(run_s: float) -> int:
    """How often a test is repeated that takes so long.  Three times that, at most, are needed: to
    warm up, to look, and to hunt."""
    affordable = _REPEAT_S / max(3 * run_s, 1e-9)
    return max(CYCLES_MIN, int(min(CONFIRM_CYCLES, affordable)))


def _tear_down(ledger: Ledger, item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the fixtures of wider scope that the repetition made; the test itself is over."""
    try:
        item.session._setupstate.teardown_exact(nextitem)  # noqa: SLF001
    except (Exception, OutcomeException, BaseExceptionGroup) as exc:  # noqa: BLE001 - as above
        ledger.notes.append(
            f"the teardown after {item.nodeid} was repeated failed: "
            f"{type(exc).__name__}: {_first_line(exc)}"
        )


def _first_line(exc: BaseException) -> str:
    try:
        return str(exc).partition("\n")[0][:200]
    except Exception:  # noqa: BLE001 - its text is somebody else's code
        return "(no text)"
