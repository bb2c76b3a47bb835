"""``leakhunt analyse`` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leakhunt.cli import main
from leakhunt.store import memory
from tests.fuzz.seeds import rich_stream


@pytest.fixture
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return rich_stream().write(tmp_path / "rich.lkheap")


def test_the_screen_says_what_was_kept(stream: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", str(stream)]) == 0
    first = capsys.readouterr()
    assert first.err == ""
    assert "kept in" in first.out
    assert main(["analyse", str(stream)]) == 0
    assert "read from" in capsys.readouterr().out


def test_json(stream: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", str(stream), "--json", "--top", "2"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema"] == "leakhunt.heap/1"
    assert answer["cache"] == f"{stream}.lkcache"
    assert not answer["is_cached"]
    assert len(answer["largest"]) <= 2


def test_no_cache(stream: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", str(stream), "--no-cache", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cache"] is None
    assert [path.name for path in stream.parent.iterdir()] == [stream.name]


def test_too_little_memory_is_exit_code_3(
    stream: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 0)
    assert main(["analyse", str(stream)]) == 3
    err = capsys.readouterr().err
    assert "of memory; 0 MB are free" in err
    assert "hint: free some" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.lkheap"], "there is no snapshot file missing.lkheap"),
        (["/dev/null"], "is no regular file"),
        (["--top", "0", "x"], "0"),
    ],
)
def test_bad_requests(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", *arguments]) == 2
    assert words in capsys.readouterr().err
