"""The order in which detectors are asked; the first that claims a suspect decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leakhunt.detectors import (
    cache,
    closure,
    collection,
    listener,
    log,
    made_class,
    pending,
    stream,
    thread,
    timer,
)
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.libraries import ROWS
from leakhunt.detectors.rows import Row
from leakhunt.detectors.suspect import Suspect

Detector = Callable[[Suspect], Claim | None]

DETECTORS: tuple[Detector, ...] = (
    timer.examine,
    pending.examine,
    log.examine,
    thread.examine,
    made_class.examine,
    listener.examine,
    stream.examine,
    closure.examine,
    cache.examine,
)
"""The mechanisms, the most particular first."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a user adds; asked before our own."""

    rows: tuple[Row, ...] = ()
    detectors: tuple[Detector, ...] = ()


NO_RULES = Rules()


def diagnose(s: Suspect, rules: Rules = NO_RULES) -> Claim:
    """The claim on a suspect: the user's own rules, then libraries, then mechanisms."""
    for detector in rules.detectors:
        claim = detector(s)
        if claim is not None:
            return claim
    return _of_rows(s, (*rules.rows, *ROWS)) or _of_mechanisms(s)


def _of_rows(s: Suspect, rows: Sequence[Row]) -> Claim | None:
    return next((claim for row in rows if (claim := row.claim(s)) is not None), None)


def _of_mechanisms(s: Suspect) -> Claim:
    claims = (detector(s) for detector in DETECTORS)
    return next((claim for claim in claims if claim is not None), None) or collection.examine(s)
