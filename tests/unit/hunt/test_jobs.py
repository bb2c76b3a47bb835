"""Growth for each job: measured between collections, added up over workers."""

from __future__ import annotations

import gc
import json
import os
import signal
import statistics
import threading
from collections import Counter
from pathlib import Path

import pytest

from leakhunt.agent.jobs import (
    IDLE_S,
    LOST_JOBS,
    LOST_MAX,
    NAMES_MAX,
    OTHERS,
    SKIPPED,
    Ledger,
)
from leakhunt.hunt.jobs import _growth, _Sum, trimmed_mean
from tests.unit.hunt.job_process import Fake


def test_outliers_do_not_move_a_mean() -> None:
    assert trimmed_mean({}) == (None, None)
    assert trimmed_mean({5: 1}) == (5.0, None)
    mean, error = trimmed_mean({4000: 1, 3: 27, -900: 1, 9000: 1})
    assert (mean, error) == (3.0, 0.0)
    mean, error = trimmed_mean({0: 50, 1: 50})
    assert mean == 0.5
    assert error == pytest.approx(0.063, abs=0.01)


def test_a_sawtooth_of_jobs_is_no_growth() -> None:
    fake = Fake()
    for i in range(300):
        fake.job("app.a", leaves=-891 if i % 100 == 99 else 9)
        fake.job("app.b", leaves=-891 if i % 100 == 99 else 15)
    fake.job("app.a")
    counts = {name: Counter(task["blocks"]) for name, task in fake.tasks().items()}
    found = {name: _growth(_Sum(name, blocks=blocks)) for name, blocks in counts.items()}
    assert not found["app.a"].grows
    assert found["app.a"].blocks_per_job == pytest.approx(0, abs=0.5)
    assert found["app.b"].blocks_per_job == pytest.approx(6, abs=0.5)


def test_a_leak_of_few_jobs_is_found() -> None:
    """One in twenty leaves a hundred blocks: the tenths hide it, the mean of all does not."""
    rare = _Sum("app.rare", measured=400, blocks=Counter({0: 380, 100: 20}))
    found = _growth(rare)
    assert trimmed_mean(rare.blocks)[0] == 0
    assert found.grows
    assert found.blocks_per_job == found.mean_blocks == 5
    once = _growth(_Sum("app.once", measured=400, blocks=Counter({0: 399, 4000: 1})))
    assert not once.grows, "a table that doubled once"
    assert once.blocks_per_job == 0
    assert once.mean_blocks == 10
    few = _growth(_Sum("app.few", measured=60, blocks=Counter({0: 55, 100: 5})))
    assert not few.grows


def test_resident_memory_that_no_block_accounts_for_is_growth() -> None:
    def worker(jobs_done: int, pages: list[int]) -> bool:
        fake = _Sum("app.native", measured=jobs_done, blocks=Counter({0: jobs_done}))
        left = [pages[i % len(pages)] for i in range(jobs_done)]
        fake.rss_bytes = sum(left) * 4096
        fake.rss_squares = sum(one * one for one in left)
        return _growth(fake).grows

    assert worker(400, [2, 3, 1])
    assert not worker(200, [2, 3, 1]), "too few"
    assert not worker(400, [1, 0, 1]), "less than a page a job"
    assert not worker(400, [900, -800, -90]), "comes and goes"
    assert not worker(400, [0] * 399 + [100_000]), "one large step"


def test_the_error_of_resident_memory_is_that_of_its_values() -> None:
    fake = Fake()
    leaves = [0, 3, 1, 7, 2] * 20
    for many in leaves:
        fake.job("app.a", leaves=many)
    fake.job("app.a")
    task = fake.tasks()["app.a"]
    blocks = Counter(task["blocks"]).elements()
    values = [one * 4096 for one in blocks]
    total = _Sum("app.a", measured=task["measured"], rss_bytes=task["rss_bytes"])
    total.rss_squares = task["rss_squares"]
    found = _growth(total)
    assert found.rss_per_job == pytest.approx(statistics.mean(values))
    error = statistics.stdev(values) / len(values) ** 0.5
    assert found.rss_error == pytest.approx(error)


def test_a_job_that_never_ends_stops_the_measuring_for_a_while_only() -> None:
    fake = Fake()
    lost = fake.ledger.begin("app.killed", "id-1")
    for _ in range(30):
        fake.job("app.a", leaves=2)
    assert fake.tasks()["app.a"]["measured"] == 0, "it may still run"
    for _ in range(LOST_JOBS):
        fake.job("app.a", leaves=2, takes_s=1.0)
    for _ in range(30):
        fake.job("app.a", leaves=2)
    assert fake.tasks()["app.a"]["measured"] >= 25
    fake.ledger.end(lost)
    assert fake.tasks()["app.killed"]["jobs"] == 1


def test_jobs_without_an_end_are_forgotten() -> None:
    fake = Fake()
    for i in range(3 * LOST_MAX):
        fake.ledger.begin("app.killed", f"id-{i}")
        fake.job("app.a", takes_s=1.0)
    assert len(fake.ledger._running) <= LOST_JOBS + 1
    assert len(fake.ledger._lost) == LOST_MAX


def test_a_job_that_begins_twice_runs_once() -> None:
    fake = Fake()
    for _ in range(SKIPPED + 30):
        fake.ledger.begin("app.retried", "id-1")
        fake.ledger.begin("app.retried", "id-1")
        fake.ledger.end("id-1")
    assert fake.tasks()["app.retried"]["jobs"] == SKIPPED + 30
    assert fake.tasks()["app.retried"]["measured"] >= 20


def test_a_measured_job_answers_for_what_it_leaves_and_for_no_garbage() -> None:
    fake = Fake()
    for _ in range(50):
        fake.job("app.resize", leaves=3, garbage=40)
        fake.job("app.greet", garbage=7)
    found = fake.tasks()
    resize, greet = found["app.resize"], found["app.greet"]
    assert resize["jobs"] == greet["jobs"] == 50
    assert resize["measured"] >= 40
    assert resize["blocks"] == {3: resize["measured"]}
    assert greet["measured"] >= 40
    assert greet["blocks"] == {0: greet["measured"]}


def test_collections_take_no_more_than_their_share() -> None:
    fake = Fake(share=0.01)
    for _ in range(2000):
        fake.job("app.resize", leaves=1)
    assert fake.collections * 0.01 <= 0.011 * fake.now_s
    assert fake.tasks()["app.resize"]["measured"] >= 50


def test_jobs_that_run_at_once_are_counted_and_not_measured() -> None:
    fake = Fake()
    for _ in range(30):
        first = fake.ledger.begin("app.a")
        second = fake.ledger.begin("app.b")
        fake.blocks += 5
        fake.ledger.end(first)
        fake.ledger.end(second)
    assert {task["jobs"] for task in fake.tasks().values()} == {30}
    assert {task["measured"] for task in fake.tasks().values()} == {0}


def test_what_comes_after_a_long_rest_is_not_of_the_last_job() -> None:
    fake = Fake()
    for _ in range(SKIPPED):
        fake.job("app.a")
    fake.job("app.a")
    fake.blocks += 1000
    fake.now_s += IDLE_S + 1
    fake.job("app.a")
    assert fake.tasks()["app.a"]["blocks"] == {}


def test_the_number_of_names_is_bounded() -> None:
    fake = Fake()
    for i in range(NAMES_MAX + 50):
        fake.job(f"task {i}")
    found = fake.tasks()
    assert len(found) == NAMES_MAX + 1
    assert found[OTHERS]["jobs"] == 50


def test_a_fork_counts_its_own_jobs(tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    fake.job("app.parent")
    read, write = os.pipe()
    if os.fork() == 0:
        fake.job("app.child")
        os.write(write, json.dumps(sorted(fake.tasks())).encode())
        os._exit(0)
    os.close(write)
    assert json.loads(os.read(read, 1000)) == ["app.child"]
    os.close(read)
    os.wait()
    assert sorted(fake.tasks()) == ["app.parent"]


def test_a_fork_does_not_wait_for_a_thread_of_its_parent(tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    token = fake.ledger.begin("app.a")
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with fake.ledger._lock:
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    if (child := os.fork()) == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(5)
        fake.ledger.end(token)
        fake.ledger.write()
        fake.job("app.child")
        fake.ledger.write()
        os._exit(0)
    release.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    assert [path.name.endswith(f"-{child}.json") for path in tmp_path.iterdir()] == [True]


def test_ends_that_never_began_are_nothing() -> None:
    fake = Fake()
    fake.ledger.end("unknown")
    token = fake.ledger.begin("app.a", "key")
    assert token == "key"
    fake.ledger.end("key")
    fake.ledger.end("key")
    assert fake.tasks()["app.a"]["jobs"] == 1


def test_a_real_function_that_leaks_is_told_from_one_that_makes_cycles() -> None:
    kept: list[object] = []
    ledger = Ledger(share=1000.0)

    def leak() -> None:
        kept.append([[1], [2]])

    def cycle() -> None:
        ring: list[object] = []
        ring.append(ring)

    for name, work in [("leak", leak), ("cycle", cycle)] * 30:
        token = ledger.begin(name)
        work()
        ledger.end(token)
    gc.collect()
    found = {task["name"]: task for task in ledger.to_dict()["tasks"]}
    assert found["leak"]["measured"] >= 20
    leaked, _ = trimmed_mean(found["leak"]["blocks"])
    cycled, _ = trimmed_mean(found["cycle"]["blocks"])
    assert leaked == pytest.approx(6, abs=1)
    assert cycled == pytest.approx(0, abs=0.5)


def test_threads_lose_no_job() -> None:
    ledger = Ledger(share=0.5)

    def serve() -> None:
        for i in range(200):
            ledger.end(ledger.begin(f"task {i % 3}"))

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(task["jobs"] for task in ledger.to_dict()["tasks"]) == 800
