"""The order in which detectors are asked; the first that claims a suspect decides."""

from __future__ import annotations

from dataclasses import replace

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
from leakhunt.detectors.filled import filled_attributes
from leakhunt.detectors.libraries import REMARKS, ROWS
from leakhunt.detectors.pools import filling_pools
from leakhunt.detectors.rows import Kind, Registry, Spot
from leakhunt.detectors.rules import NO_RULES, Detector, Rules
from leakhunt.detectors.suspect import Suspect
from leakhunt.detectors.swept import swept

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


_MOST_PARTICULAR_FIRST = (Spot, Registry, Kind)
_ORDERED_ROWS = sorted(ROWS, key=lambda row: _MOST_PARTICULAR_FIRST.index(type(row)))
"""A place says more than an owner, and that more than what gathers there."""


def diagnose(s: Suspect, rules: Rules = NO_RULES) -> Claim:
    """The claim on a suspect: the user's own rules, then libraries, then mechanisms."""
    claim = rules.claim(s) or _of_libraries(s) or _in_words_of_libraries(s, _of_mechanisms(s))
    why = swept(s) or filling_pools(s) or filled_attributes(s)
    if why is not None:
        return replace(claim, advice="Nothing: it ends by itself.", goes_by_itself=why)
    remarks = [remark.advice for remark in REMARKS if remark.applies(s)]
    return replace(claim, advice=" ".join([claim.advice, *remarks])) if remarks else claim


def _of_libraries(s: Suspect) -> Claim | None:
    return next((claim for row in _ORDERED_ROWS if (claim := row.claim(s)) is not None), None)


def _in_words_of_libraries(s: Suspect, claim: Claim) -> Claim:
    kinds = (row for row in ROWS if isinstance(row, Kind))
    return next((named for row in kinds if (named := row.inside(s, claim)) is not None), claim)


def _of_mechanisms(s: Suspect) -> Claim:
    claims = (detector(s) for detector in DETECTORS)
    return next((claim for claim in claims if claim is not None), None) or collection.examine(s)
