"""One table of keys: what is bound, what the help and the manual say."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding

from leakhunt.tui.app import LeakhuntApp
from leakhunt.tui.keys import KEYS
from leakhunt.tui.keys_page import page
from leakhunt.tui.screens.registry import VIEWS

DOCS = Path(__file__).resolve().parents[2] / "docs"
MOVING = {"left", "right", "up", "down", "tab", "enter", "space", "home", "end"}


def owners() -> list[type[Any]]:
    views = [getattr(import_module(f"leakhunt.tui.screens.{n}"), c) for n, c in VIEWS.items()]
    return [LeakhuntApp, *views]


def bindings_of(owner: type[Any]) -> list[Binding]:
    return [one for one in vars(owner).get("BINDINGS", ()) if isinstance(one, Binding)]


def test_the_manual_lists_the_keys() -> None:
    assert (DOCS / "reference/tui-keys.md").read_text("utf-8") == page()


@pytest.mark.parametrize("owner", owners(), ids=lambda owner: str(owner.__name__))
def test_what_is_bound_is_in_the_table_and_can_be_done(owner: type[Any]) -> None:
    action_by_key = {key.keys: key.action for key in KEYS.values()}
    for binding in bindings_of(owner):
        if set(binding.key.split(",")) & MOVING:
            continue
        assert action_by_key[binding.key] == binding.action
        name = f"action_{binding.action.partition('(')[0]}"
        assert hasattr(owner, name) or hasattr(LeakhuntApp, name), binding


def test_a_key_means_one_thing() -> None:
    keys = [name for key in KEYS.values() for name in key.keys.split(",")]
    assert sorted(keys) == sorted(set(keys))


def test_every_key_is_bound_somewhere() -> None:
    bound = {binding.key for owner in owners() for binding in bindings_of(owner)}
    assert {key.keys for key in KEYS.values()} - bound == {"enter", "ctrl+p"}
