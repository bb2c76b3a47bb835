"""A worker of each queue, on a broker in memory: which of two tasks leaves something behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from leakhunt.hunt.jobs import jobs_in

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-queues" / "bin" / "python"
QUEUES = ("celery", "rq", "arq", "dramatiq")

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.timeout(1000)
@pytest.mark.parametrize("queue", QUEUES)
def test_the_task_that_grows_is_named(queue: str, tmp_path: Path) -> None:
    if not PYTHON.exists():
        pytest.skip("no queues are installed here (make queues)")
    subprocess.run(
        [PYTHON, "-B", ROOT / "fixtures" / "queues" / f"{queue}_worker.py", tmp_path, "300"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        timeout=900,
    )
    report = jobs_in([tmp_path])
    found = {task.name.rpartition(".")[2]: task for task in report.tasks}
    resize, greet = found["resize"], found["greet"]
    assert resize.jobs == greet.jobs >= 300
    assert resize.measured >= 100 <= greet.measured
    assert not greet.grows
    if queue in {"celery", "dramatiq"}:
        assert resize.grows
        # Three lists and their items, and the growth of the list that keeps them.
        assert resize.blocks_per_job == pytest.approx(6, abs=1.5)
        assert greet.blocks_per_job == pytest.approx(0, abs=1)
    # (The redis in memory of the others allocates and frees as it likes in this process.)
