from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.cli import main
from leakhunt.hunt.known import accept
from leakhunt.report.document import FORMATS, render_document
from leakhunt.report.json_report import to_json
from tests.golden.sample_reports import LEAKY


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(to_json(LEAKY))
    return path


@pytest.mark.parametrize("file_format", FORMATS)
def test_each_format_goes_to_standard_output(
    file_format: str, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(report), "--format", file_format]) == 0
    out, err = capsys.readouterr()
    assert out == render_document(LEAKY, file_format)
    assert err == ""


@pytest.mark.parametrize(
    ("name", "file_format"),
    [("a.html", "html"), ("a.HTM", "html"), ("a.md", "markdown"), ("a.txt", "text"), ("a", "text")],
)
def test_the_name_of_the_file_says_the_format(
    name: str, file_format: str, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = report.parent / name
    assert main(["report", str(report), "-o", str(output)]) == 0
    assert output.read_text("utf-8") == render_document(LEAKY, file_format)
    assert output.stat().st_mode & 0o777 == 0o600
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"{output}: the report as {file_format}\n"


def test_a_format_that_is_asked_for_counts_more(report: Path) -> None:
    output = report.parent / "a.txt"
    assert main(["report", str(report), "-o", str(output), "--format", "html"]) == 0
    assert output.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_a_directory_of_a_hunt_will_do(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(report.parent), "-o", "-"]) == 0
    assert capsys.readouterr().out == render_document(LEAKY, "text")


def test_accepted_leaks_are_known(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = report.parent / "known.json"
    accept(report, known, note="waits for release 4")
    assert main(["report", str(report), "--baseline", str(known)]) == 0
    text = capsys.readouterr().out
    assert "No new leak" in text
    assert "waits for release 4" in text


def test_what_is_there_stays_when_writing_fails(
    report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(report), "-o", str(report.parent)]) == 2
    assert "is a directory" in capsys.readouterr().err
    assert main(["report", str(report), "-o", str(report.parent / "no/such/a.html")]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert sorted(path.name for path in report.parent.iterdir()) == ["report.json"]


def test_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source in (tmp_path, tmp_path / "missing.json"):
        assert main(["report", str(source)]) == 2
        err = capsys.readouterr().err
        assert "there is no report to read" in err
        assert "hint: leakhunt hunt --json" in err
    (tmp_path / "x.json").write_text("{}")
    assert main(["report", str(tmp_path / "x.json")]) == 2
    assert "schema" in capsys.readouterr().err
