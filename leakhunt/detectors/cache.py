"""Caches: mappings and sets that only grow."""

from __future__ import annotations

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import Suspect

_WRAPPER = "functools._lru_cache_wrapper"
_FRAMES = frozenset({"builtins.frame"})


def examine(s: Suspect) -> Claim | None:
    """A mapping, a set or an lru_cache without a bound in sight."""
    if not _is_cache(s):
        return None
    wrong = "each entry keeps a frame with all its variables" if s.has_each(_FRAMES) else None
    return Claim(Category.CACHE, _advice(s), wrong_though_bounded=wrong)


def _is_cache(s: Suspect) -> bool:
    if s.holder.chain_step is not None:
        return False
    if s.holder.type in known.CACHE_WRAPPERS or s.holder.type in known.MAPPING_TYPES:
        return True
    kinds = s.holder.edge_kinds
    return EdgeKind.VALUE in kinds or EdgeKind.ELEMENT in kinds


def _advice(s: Suspect) -> str:
    if s.holder.type == _WRAPPER and s.path.startswith(f"{s.holder.main_type}."):
        return (
            f"The key of a cache on a method keeps `self`: every {s.subject} it was called on "
            "stays. Cache on the instance (`functools.cached_property`), or on a plain function "
            "of the values."
        )
    if s.holder.type == _WRAPPER:
        return f"Give the cache a bound: `@lru_cache(maxsize=...)` on `{s.path}`. {_guideline(s)}"
    if s.subject is None:
        first = f"Give `{s.path}` a bound (`maxsize`, or a time to live), or delete its entries"
        return f"{first} when they are done with. {_guideline(s)}"
    first = f"Give `{s.path}` a bound (`maxsize`, or a time to live), or delete each entry"
    return f"{first} when its {s.subject} is done with. {_guideline(s)}"


def _guideline(s: Suspect) -> str:
    """How long such data may live, by its kind."""
    types = set(s.types) | {share.type for share in s.holder.shares[:6]}
    for wanted, words in _GUIDELINES:
        if any(name.endswith(wanted) for name in types):
            return words
    return _GUIDELINE


_GUIDELINE = (
    "Size it by what is asked again within minutes (a few hundred to a few thousand entries), "
    "and watch the hit rate."
)
_GUIDELINES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("re.Pattern", "jinja2.environment.Template", "builtins.code"),
        (
            "Compiled patterns and templates are few by nature: cache by their source text, a "
            "few hundred at most; a key that holds user input defeats the cache."
        ),
    ),
    (
        ("Session", "User", "Token", "Principal"),
        (
            "Session data may live as long as the login does: a time to live of minutes, "
            "removed at log-out."
        ),
    ),
    (
        ("Response", "Page", "bytes", "bytearray"),
        (
            "Bound rendered or fetched content by bytes, not entries, with a time to live of "
            "seconds to minutes."
        ),
    ),
)
