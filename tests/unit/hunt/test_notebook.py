"""A notebook that somebody else wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.hunt.notebook import SCHEMA, read_notebook


def written(folder: Path, **parts: Any) -> Path:
    path = folder / "notebook.json"
    path.write_text(json.dumps({"schema": SCHEMA, **parts}))
    return path


def test_what_people_note_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, verdicts={"abc": "NOT"}, places={"growth": {"sort": "born"}})
    notebook = read_notebook(path)
    assert notebook.verdicts == {"abc": "NOT"}
    assert notebook.places == {"growth": {"sort": "born"}}


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"verdicts": {"abc": "\x1bc"}}, "a verdict in it is none"),
        ({"places": {"app": []}}, "a place in it is no object"),
        ({"notes": {"abc": 5}}, "a note in it is no text"),
        ({"marks": []}, "a part of it is no object"),
    ],
)
def test_what_is_no_note_is_refused(tmp_path: Path, parts: dict[str, Any], why: str) -> None:
    with pytest.raises(LeakhuntError, match=why) as caught:
        read_notebook(written(tmp_path, **parts))
    assert "delete it" in caught.value.hint
