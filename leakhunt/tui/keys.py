"""Every key of the screens: one table, so that a key means one thing everywhere.

The bindings, the help (``?``), the footer and ``docs/reference/tui-keys.md`` are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Key:
    """What a key does."""

    keys: str
    """As Textual writes it; several are separated by commas."""
    action: str
    """The method ``action_...`` that does it."""
    label: str
    """Its word in the footer."""
    does: str
    """One line of the help."""
    group: str
    """Its heading in the help."""
    shown: str = ""
    """How it is written for people; empty: as ``keys``."""
    is_shown: bool = False
    """Is it in the footer of every view?"""

    @property
    def written(self) -> str:
        """How it is written for people."""
        return self.shown or self.keys.replace(",", " ")


def _screen(number: int, name: str, does: str) -> Key:
    return Key(str(number), f"show_view('{name.lower()}')", name, does, "Screens")


KEYS: Final[dict[str, Key]] = {
    "view_case": _screen(1, "Case", "the verdict, the rate, the memory and the findings"),
    "view_growth": _screen(2, "Growth", "types that grew, shrank, came and went"),
    "view_chain": _screen(3, "Chain", "who holds an object, and what it holds"),
    "view_dominators": _screen(4, "Dominators", "who holds the memory, largest first"),
    "view_sites": _screen(5, "Sites", "where leaked objects were made"),
    "view_tasks": _screen(6, "Tasks", "tasks, timers, threads and streams"),
    "view_live": _screen(7, "Live", "a running process: figures and snapshots"),
    "open": Key(
        "enter", "open", "open", "open what the cursor is on", "Everywhere", "Enter",
        is_shown=True,
    ),
    "search": Key(
        "slash", "search", "search", "search findings, types, objects and addresses",
        "Everywhere", "/", is_shown=True,
    ),
    "help": Key(
        "question_mark", "help", "help", "all keys", "Everywhere", "?", is_shown=True
    ),
    "palette": Key("ctrl+p", "command_palette", "palette", "the command palette", "Everywhere",
                   "Ctrl+p"),
    "back": Key("left_square_bracket", "back", "back", "back to where you were", "Everywhere", "["),
    "forward": Key(
        "right_square_bracket", "forward", "forward", "forward again", "Everywhere", "]"
    ),
    "close": Key(
        "escape", "close", "close", "close a dialog, leave or empty a filter", "Everywhere", "Esc"
    ),
    "copy": Key("y", "copy", "copy", "copy the path or name under the cursor", "Everywhere"),
    "dark": Key("t", "toggle_theme", "theme", "light or dark", "Everywhere"),
    "quit": Key("q", "quit", "quit", "leave; where you are is kept", "Everywhere", is_shown=True),
    "filter": Key("f", "filter", "filter", "keep rows that contain what you type", "Lists"),
    "sort": Key("s", "sort_next", "sort", "sort by the next column", "Lists"),
    "reverse": Key("S", "sort_reverse", "reverse", "turn the order round", "Lists", "S"),
    "group": Key("g", "group", "group", "group types by module, neighbours by type", "Lists"),
    "unit": Key("u", "unit", "unit", "bytes or objects; of sites, growth or what lives",
                "Lists"),
    "flame": Key("l", "next_page", "flame", "of sites: of findings, all sampled, a flame graph",
                 "Lists"),
    "walk": Key("c", "walk", "chain", "walk the chain of what the cursor is on", "An object"),
    "population": Key("p", "population", "population",
                      "walk the whole leaked population of a finding", "An object"),
    "holder": Key("h", "to_holder", "holder", "jump to what holds it: the holder", "An object"),
    "root": Key("r", "to_root", "root", "jump to the GC root that keeps it", "An object"),
    "dominator": Key("d", "to_dominator", "dominator", "jump to its immediate dominator",
                     "An object"),
    "paths": Key("a", "paths", "paths", "every independent retaining path", "An object"),
    "ignore": Key("i", "ignore", "ignore", "ignore this retainer: who keeps it then?",
                  "An object"),
    "unignore": Key("I", "unignore", "ignore none", "ignore no retainer any more", "An object",
                    "I"),
    "whatif": Key("w", "whatif", "what if", "what cutting this reference would free",
                  "An object"),
    "mark": Key("m", "mark", "mark", "mark it, or take the mark away", "Your case"),
    "note": Key("n", "note", "note", "write a note", "Your case"),
    "verdict": Key("v", "verdict", "verdict", "overrule the verdict of a finding", "Your case"),
    "assertion": Key("T", "write_test", "test", "write a pytest assertion for the finding",
                     "Write", "T"),
    "report": Key("R", "write_report", "report", "write a report: text, Markdown or HTML",
                  "Write", "R"),
    "export": Key("E", "export", "export", "export the neighbourhood as a drawing", "Write", "E"),
    "take_baseline": Key("B", "take('baseline')", "baseline", "take the baseline snapshot",
                         "Live", "B"),
    "take_loaded": Key("L", "take('loaded')", "loaded", "take the loaded snapshot", "Live", "L"),
    "take_final": Key("F", "take('final')", "final", "collect, then take the final snapshot",
                      "Live", "F"),
    "run_load": Key("o", "run_load", "load", "run the load command", "Live"),
    "cancel": Key("x", "cancel", "cancel", "cancel what is going on", "Live"),
}  # fmt: skip


def bindings(*names: str) -> list[BindingType]:
    """Bindings of keys by name; those that begin with ``+`` are in the footer here."""
    return [_binding(KEYS[name.removeprefix("+")], name.startswith("+")) for name in names]


def _binding(key: Key, is_wanted: bool) -> Binding:
    return Binding(
        key.keys, key.action, key.label, show=is_wanted or key.is_shown,
        key_display=key.shown or None, tooltip=key.does,
    )  # fmt: skip


_MOVING: Final = (
    Key("", "", "", "up and down", "Moving", "↑ ↓ k j"),
    Key("", "", "", "by pages, to the first, to the last", "Moving", "PgUp PgDn Home End"),
    Key("", "", "", "open and close a row of a tree", "Moving", "→ ←"),
    Key("", "", "", "to the next list", "Moving", "Tab"),
    Key("", "", "", "moves the cursor; on it opens, on a heading sorts", "Moving", "click"),
)  # fmt: skip


def groups() -> dict[str, list[Key]]:
    """Keys by their heading; those that move last."""
    found: dict[str, list[Key]] = {}
    for key in (*KEYS.values(), *_MOVING):
        found.setdefault(key.group, []).append(key)
    return found


VIEWS: Final = tuple(name for name in KEYS if name.startswith("view_"))
APP_KEYS: Final = (
    *VIEWS, "search", "help", "back", "forward", "close", "dark", "quit",
)  # fmt: skip
