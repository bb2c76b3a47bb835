"""Source lines of a target: read when they can be, doubted when they must be."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from leakhunt.analysis.code_line import CodeLine
from leakhunt.hunt.source import Sources

TEXT = """\
KEPT = []

class Session:
    def __init__(self):
        KEPT.append(self)

@property
def other():
    return 1
"""
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "shop.py"
    path.write_text(TEXT)
    os.utime(path, (1000, 1000))
    return path


def test_the_lines_around_and_their_numbers(program: Path) -> None:
    found = Sources(NOW).around(CodeLine("Session.__init__", str(program), 5), lines=1)
    assert (found.first, found.at) == (4, 5)
    assert found.lines == ("    def __init__(self):", "        KEPT.append(self)", "")
    assert found.note == ""
    assert found.is_what_ran


def test_the_ends_of_the_file_end_it(program: Path) -> None:
    sources = Sources()
    assert sources.around(CodeLine("<module>", str(program), 1)).first == 1
    assert sources.around(CodeLine("other", str(program), 9)).lines[-1] == "    return 1"
    assert sources.around(CodeLine("other", str(program), 7)).is_what_ran  # a decorator's line


def test_a_file_that_was_changed_later_is_doubted(program: Path) -> None:
    os.utime(program, (NOW.timestamp() + 60, NOW.timestamp() + 60))
    found = Sources(NOW).around(CodeLine("Session.__init__", str(program), 5))
    assert found.note == (
        "The file was changed after the process had started: another version ran."
    )
    assert found.lines
    assert not found.is_what_ran


@pytest.mark.parametrize(
    ("function", "line", "note"),
    [
        ("Session.close", 5, "Line 5 is not in Session.close there: another version ran."),
        ("Session.__init__", 9, "Line 9 is not in Session.__init__ there: another version ran."),
        ("Session.__init__", 99, "The file has 9 lines: another version ran."),
    ],
)
def test_a_function_that_is_elsewhere_disproves_the_file(
    program: Path, function: str, line: int, note: str
) -> None:
    found = Sources(NOW).around(CodeLine(function, str(program), line))
    assert found.note == note
    assert not found.is_what_ran


def test_what_is_no_python_is_shown_without_doubt(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<p>\n{{ x }}\n")
    assert Sources(None).around(CodeLine("root", str(path), 2)).lines == ("<p>", "{{ x }}")


@pytest.mark.parametrize("name", ["", "<string>", "shop.py", "/no/such/file.py", "/a\0b"])
def test_what_cannot_be_read_is_said(name: str) -> None:
    found = Sources(NOW).around(CodeLine("f", name, 1))
    assert found.lines == ()
    assert found.note.startswith("It cannot be read: ")
    assert not found.is_what_ran


def test_pipes_and_folders_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        assert Sources(NOW).around(CodeLine("f", str(path), 1)).lines == ()


def test_another_encoding_is_read_as_python_would(tmp_path: Path) -> None:
    path = tmp_path / "old.py"
    path.write_bytes("# coding: latin-1\nx = 'é'\n".encode("latin-1"))
    assert Sources(None).around(CodeLine("<module>", str(path), 2)).lines[1] == "x = 'é'"


def test_a_header_of_this_boot_tells_when_the_process_began(program: Path) -> None:
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    header = {"process": {"pid": 1, "start_ticks": ticks, "boot_id": boot_id}, "created": "never"}
    place = CodeLine("Session.__init__", str(program), 5)
    assert Sources.of_header(header).around(place).is_what_ran
    os.utime(program)
    assert not Sources.of_header(header).around(place).is_what_ran


def test_a_header_of_another_boot_tells_when_it_was_written(program: Path) -> None:
    header = {"process": {"pid": 1, "start_ticks": 1, "boot_id": "x"}, "created": NOW.isoformat()}
    place = CodeLine("Session.__init__", str(program), 5)
    assert Sources.of_header(header).around(place).is_what_ran
    os.utime(program, (NOW.timestamp() + 60, NOW.timestamp() + 60))
    assert not Sources.of_header(header).around(place).is_what_ran
