"""What workers write of their jobs, and what the command says of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from leakhunt.agent import jobs
from leakhunt.cli import main
from leakhunt.errors import UsageError
from leakhunt.hunt.jobs import jobs_in
from leakhunt.report.jobs_model import jobs_to_dict
from leakhunt.report.schema import load_schema
from leakhunt.report.text.jobs_screen import render_jobs
from leakhunt.report.text.sheet import TextOptions
from tests.nasty_names import NASTY_NAMES
from tests.unit.hunt.job_process import Fake

ROOT = Path(__file__).resolve().parents[3]

WORKER = """
import asyncio, sys
from leakhunt.agent import jobs
jobs.start(sys.argv[1], share=1000.0)
KEPT = []
@jobs.counted
def resize(i):
    KEPT.append([i])
    return i
@jobs.counted
async def greet(i):
    await asyncio.sleep(0)
    return i
async def main():
    for i in range(60):
        assert resize(i) == i
        assert await greet(i) == i
    try:
        with jobs.job("fails"):
            raise ValueError
    except ValueError:
        pass
asyncio.run(main())
assert not {"numpy", "click", "leakhunt.hunt"} & set(sys.modules)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What two workers wrote."""
    place = tmp_path / "kept"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", WORKER, place], check=True, cwd=ROOT)
    return place


def test_workers_are_added_up_and_the_task_that_grows_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = jobs_in([folder])
    assert (report.workers, report.jobs) == (2, 2 * 121)
    first, *others = report.tasks
    assert (first.name, first.jobs, first.grows) == ("__main__.resize", 120, True)
    assert first.blocks_per_job == pytest.approx(2, abs=1.2)
    assert {task.name for task in others} == {"__main__.greet", "fails"}
    assert not any(task.grows for task in others)
    assert main(["jobs", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith(" 1 task leaves something behind: 242 jobs of 2 workers")
    assert "per job __main__.resize: +" in shown
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in folder.iterdir())
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_answer_obeys_its_schema(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = load_schema(name="jobs-report")
    Draft202012Validator.check_schema(schema)
    assert main(["jobs", str(folder), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema).validate(answer)
    assert answer == json.loads(json.dumps(jobs_to_dict(jobs_in([folder]))))


def test_without_start_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_ledger", None)
    token = jobs.begin("app.a")
    assert token is None
    jobs.end(token)
    jobs.write()
    with jobs.job("app.b"):
        pass

    @jobs.counted
    async def work() -> int:
        return 3

    assert asyncio.run(work()) == 3


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_names_of_tasks_are_escaped(name: str, tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    for _ in range(30):
        fake.job(name, leaves=2)
    fake.ledger.write()
    shown = render_jobs(jobs_in([tmp_path]), TextOptions(width=100))
    assert "\x1b" not in shown
    assert all(ord(c) >= 32 or c == "\n" for c in shown)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "x"}', "\x00", '{"schema": 1}'])
def test_what_no_worker_wrote_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "jobs-1.json"
    path.write_text(text)
    with pytest.raises(UsageError):
        jobs_in([path])


def test_a_folder_without_workers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no worker wrote") as caught:
        jobs_in([tmp_path])
    assert "jobs.start" in caught.value.hint
    with pytest.raises(UsageError, match="cannot be read"):
        jobs_in([tmp_path / "missing"])


def test_a_folder_that_cannot_be_written_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = Fake(tmp_path / "missing")
    for _ in range(3):
        fake.job("app.a")
        fake.ledger.write()
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_what_could_not_be_written_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake(tmp_path / "later")
    fake.job("app.a")
    monkeypatch.setattr(sys, "stderr", None)
    fake.ledger.write()
    (tmp_path / "later").mkdir()
    with monkeypatch.context() as full:
        full.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
        fake.ledger.write()
    assert list((tmp_path / "later").iterdir()) == [], "nothing is left behind"
    fake.ledger.write()
    assert jobs_in([tmp_path / "later"]).jobs == 1


def test_containers_on_one_volume_do_not_collide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host in ("one", "../two"):
        monkeypatch.setattr(os, "uname", lambda host=host: SimpleNamespace(nodename=host))
        fake = Fake(tmp_path)
        fake.job("app.a")
        fake.ledger.write()
    assert len(list(tmp_path.iterdir())) == 2
    assert jobs_in([tmp_path]).workers == 2


def written(path: Path, **changes: Any) -> Path:
    task = {"name": "a", "jobs": 50, "measured": 30, "blocks": {"1": 30}, "ns": 1, "rss_bytes": 0,
            "rss_squares": 0}  # fmt: skip
    worker = {"schema": jobs.SCHEMA, "pid": 1, "blocks": 0, "rss_bytes": 0}
    path.write_text(json.dumps({**worker, "tasks": [{**task, **changes}]}))
    return path


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"blocks": {"1": 10**12}}, "1000000000000"),
        ({"blocks": {"1": 31}}, "31"),
        ({"blocks": {"1": 20, "2": 20}}, "40"),
        ({"blocks": {"1": -3}}, "-3"),
        ({"blocks": {"1": 1.5}}, "1.5"),
        ({"blocks": {"1": float("inf")}}, "inf"),
        ({"blocks": {"1": True}}, "True"),
        ({"blocks": {"1_0": 3}}, "1_0"),
        ({"blocks": {str(2**63): 3}}, str(2**63)),
        ({"measured": 51}, "51"),
        ({"jobs": 10**9 + 1}, "1000000001"),
        ({"jobs": -1}, "-1"),
        ({"ns": -1}, "-1"),
        ({"rss_bytes": 2**63}, str(2**63)),
        ({"rss_squares": -1}, "-1"),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=named):
        jobs_in([written(tmp_path / "jobs-1.json", **changes)])


def test_a_billion_jobs_cost_no_memory(tmp_path: Path) -> None:
    many = {"jobs": 10**9, "measured": 10**9, "blocks": {"1": 5 * 10**8, "2": 5 * 10**8}}
    (task,) = jobs_in([written(tmp_path / "jobs-1.json", **many)]).tasks
    assert task.grows
    assert task.blocks_per_job == 1.5


def test_too_few_measured_jobs_are_no_good_news(tmp_path: Path) -> None:
    few, enough = {"measured": 19, "blocks": {"0": 19}}, {"measured": 20, "blocks": {"0": 20}}
    shown = render_jobs(jobs_in([written(tmp_path / "jobs-1.json", **few)]))
    assert shown.startswith(" Nothing can be said yet: 50 jobs")
    shown = render_jobs(jobs_in([written(tmp_path / "jobs-1.json", **enough)]))
    assert shown.startswith(" No task grows: 50 jobs")
