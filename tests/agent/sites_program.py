"""Samples its own allocations: ``PYTHON sites_program.py AGENT CASE``.

Runs in each interpreter; what it found goes out as JSON.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import json
import os
import pickle
import sys
import threading
import tracemalloc
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))


def use_agent(path: str) -> Any:
    """Have leakhunt.agent._heap be the one compiled for this interpreter."""
    import leakhunt.agent

    spec = importlib.util.spec_from_file_location("leakhunt.agent._heap", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["leakhunt.agent._heap"] = module
    leakhunt.agent._heap = module
    return module


NATIVE = use_agent(sys.argv[1])

from leakhunt import tracemalloc_ext as ext  # noqa: E402 - after the agent is in place


def make_bytes(n: int) -> list[bytes]:
    return [b"%d" % i * 100 for i in range(n)]


def make_tuples(n: int) -> list[tuple[int, int]]:
    return [(i, i) for i in range(n)]


def make_dicts(n: int) -> list[dict[str, int]]:
    return [{"a": i} for i in range(n)]


def make_lists(n: int) -> list[list[int]]:
    made: list[list[int]] = []
    for i in range(n):
        len([i, i, i])  # dies at once: the next may come from a free list
        made.append([i])
    return made


def make_texts(n: int) -> list[str]:
    return [f"text {i}" * 3 for i in range(n)]


class Instance:
    def __init__(self, i: int) -> None:
        self.i = i
        self.text = "x"


def make_instances(n: int) -> list[Instance]:
    return [Instance(i) for i in range(n)]


MAKERS: list[Callable[[int], Any]] = [
    make_bytes, make_tuples, make_dicts, make_lists, make_texts, make_instances,
]  # fmt: skip


def line_sums(snapshot: tracemalloc.Snapshot) -> dict[int, int]:
    """Bytes by line of this file."""
    found: dict[int, int] = {}
    for statistic in snapshot.statistics("lineno"):
        frame = statistic.traceback[0]
        if frame.filename == __file__:
            found[frame.lineno] = statistic.size
    return found


def case_basics() -> dict[str, Any]:
    """The interface, once through."""
    before = ext.is_tracing()
    blocks = sys.getallocatedblocks()
    ext.start(4096, 2, seed=3)
    ext.start(4096, 2)  # again: nothing happens
    try:
        ext.start(8192)
        other = ""
    except RuntimeError as exc:
        other = str(exc)
    kept = [maker(3000) for maker in MAKERS]
    snapshot = ext.take_snapshot()
    filtered = snapshot.filter_traces([tracemalloc.Filter(True, __file__)])
    sites = filtered.estimates()
    first = next(filter(None, (ext.get_object_traceback(text) for text in kept[4])))
    kept.clear()
    later = ext.take_snapshot()
    shrunk = sum(d.size_diff for d in later.compare_to(snapshot, "lineno"))
    answer = {
        "before": before, "during": ext.is_tracing(), "other": other,
        "sampling": ext.get_sampling()._asdict(), "limit": ext.get_traceback_limit(),
        "frames_most": max(len(trace.traceback) for trace in snapshot.traces),
        "files": sorted({trace.traceback[-1].filename for trace in filtered.traces}),
        "sites": [[s.function, s.sample_count, s.value_bytes, s.low_bytes, s.high_bytes]
                  for s in sites],
        "sums_agree": abs(sum(s.value_bytes for s in sites)
                          - sum(trace.size for trace in filtered.traces)) < len(filtered.traces),
        "text_line": str(first), "shrunk": shrunk, "memory": ext.get_traced_memory(),
        "overhead": ext.get_overhead()._asdict(),
        "pickled": pickle.loads(pickle.dumps(snapshot)) == snapshot,
    }  # fmt: skip
    answer["stopped"] = ext.stop()
    answer["after"] = [ext.is_tracing(), ext.get_overhead().memory_bytes, ext.get_traced_memory()]
    del snapshot, filtered, sites, first, later
    gc.collect()
    answer["blocks"] = sys.getallocatedblocks() - blocks
    return answer


def case_tracemalloc() -> dict[str, Any]:
    """Where tracemalloc runs, its traces are the answer and nothing else is switched on."""
    tracemalloc.start(3)
    ext.start()
    kept = make_texts(500)
    snapshot = ext.take_snapshot()
    exact = tracemalloc.take_snapshot()
    line = str(ext.get_object_traceback(kept[0]))
    native = NATIVE.sites_status()["running"]
    ours, theirs = line_sums(snapshot), line_sums(exact)
    [site] = [s for s in snapshot.estimates() if "make_texts" in line or s.value_bytes > 20000][:1]
    answer = {
        "source": ext.get_sampling().source, "native": native, "line": line,
        "same": all(ours.get(at) == size for at, size in theirs.items() if size > 20000),
        "is_exact": site.low_bytes == site.value_bytes == site.high_bytes,
    }  # fmt: skip
    answer["stopped"] = ext.stop()
    answer["still"] = tracemalloc.is_tracing()
    tracemalloc.stop()
    return answer


def case_above() -> dict[str, Any]:
    """Another hook above ours: ours stays and passes through; a later start uses it again."""
    ext.start(1024)
    tracemalloc.start()
    while_both = ext.get_sampling().source
    left = ext.stop()
    kept = make_texts(1000)
    tracemalloc.stop()
    free = ext.stop()
    ext.start(1024)
    more = make_texts(1000)
    count = ext.get_overhead().live_sample_count
    again = ext.stop()
    return {"both": while_both, "left": left, "free": free, "count": count, "again": again,
            "kept": len(kept) + len(more)}  # fmt: skip


def tell(kept: list[Any]) -> list[Any]:
    """What is said of samples now."""
    traced = sum(ext.get_object_traceback(one) is not None for one in kept)
    count = len(ext.take_snapshot().traces)
    return [count, traced, any("another hook" in one for one in ext.get_sampling().limits)]


def forget(*stores: list[Any]) -> None:
    """Free all, and the free lists, and give what can be given back to the system."""
    for store in stores:
        store.clear()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def case_displaced() -> dict[str, Any]:
    """Another tracer, there before us, ends: it puts back what it found, and ours is gone."""
    helper = ctypes.PyDLL(sys.argv[3])
    helper.keep_allocators(0)
    ext.start(64)
    texts, lists = make_texts(3000), make_lists(3000)
    before = tell(texts)
    helper.put_back_allocators(0)
    forget(texts, lists)
    more = make_texts(3000), make_lists(3000)
    after = tell(more[0])
    stopped = ext.stop()
    ext.start(64)
    again = tell([*make_texts(3000), *more])
    return {"before": before, "after": after, "stopped": stopped, "again": again,
            "ended": ext.stop()}  # fmt: skip


def case_away_and_back() -> dict[str, Any]:
    """Ours is taken away and put back before anybody looks."""
    helper = ctypes.PyDLL(sys.argv[3])
    helper.keep_allocators(0)
    ext.start(64)
    texts, lists = make_texts(3000), make_lists(3000)
    helper.keep_allocators(1)
    helper.put_back_allocators(0)
    forget(texts, lists)
    helper.put_back_allocators(1)
    ext.take_snapshot()  # reads nothing that is no more
    for _ in range(3):
        # A block that was thought alive is given out again and sampled.
        make_texts(20_000), make_lists(20_000)
    return {"after": tell(make_texts(3000)), "ended": ext.stop()}


def case_fork() -> dict[str, Any]:
    """A child is not watched, and may sample for itself; the parent goes on."""
    ext.start(1024)
    kept = make_texts(2000)
    before = ext.get_overhead().live_sample_count
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        found = [ext.is_tracing(), ext.get_overhead().memory_bytes]
        kept.clear()
        ext.start(2048)
        made = make_texts(1000)
        found.append(ext.get_overhead().live_sample_count > 0)
        found.append(ext.stop())
        os.write(writing, json.dumps([*found, len(made)]).encode())
        os._exit(0)
    os.close(writing)
    in_child = json.loads(os.read(reading, 1000))
    os.close(reading)
    _, status = os.waitpid(child, 0)
    answer = {"child": in_child, "status": status,
              "parent": ext.get_overhead().live_sample_count > 0.9 * before > 0}  # fmt: skip
    kept.clear()
    answer["stopped"] = ext.stop()
    return answer


def run_dead_code(i: int) -> list[str]:
    """Allocate in a function that is gone afterwards."""
    scope: dict[str, Any] = {}
    text = f"def dead_{i}(): return ['%d and more' % n for n in range(60)]"
    exec(compile(text, f"<dead {i}>", "exec"), scope)
    made: list[str] = scope[f"dead_{i}"]()
    return made


def case_dead_code() -> dict[str, Any]:
    """Code objects that die keep their names, and nothing of them is kept alive."""
    ext.start(512, 8)
    gc.collect()
    codes = sum(isinstance(o, types.FunctionType) for o in gc.get_objects())
    kept = [run_dead_code(i) for i in range(2000)]
    gc.collect()
    codes = sum(isinstance(o, types.FunctionType) for o in gc.get_objects()) - codes
    wrong = names = 0
    for i, texts in enumerate(kept):
        for text in texts:
            traceback = ext.get_object_traceback(text) if i % 97 == 0 else None
            if traceback is not None:
                names += 1
                wrong += traceback[-1].filename != f"<dead {i}>"
    overhead = ext.get_overhead()
    ext.stop()
    return {"names": names, "wrong": wrong, "codes": codes, "unknown": overhead.unknown_stack_count,
            "memory": overhead.memory_bytes, "live": overhead.live_sample_count}  # fmt: skip


def case_full() -> dict[str, Any]:
    """More places than there is room for: the dead make room, memory stays bounded."""
    ext.start(256, 128)
    kept: list[Any] = []
    most = unknown = 0
    for i in range(20000):
        kept.append(run_dead_code(i)[:3])
        if len(kept) > 50:
            kept.clear()
            overhead = ext.get_overhead()
            beyond = overhead.memory_bytes - 64 * overhead.live_sample_count
            most, unknown = max(most, beyond), overhead.unknown_stack_count
    ext.stop()
    return {"most": most, "unknown": unknown}


def case_threads() -> dict[str, Any]:
    """Others allocate while it is switched on and off."""
    done = threading.Event()

    def allocate() -> None:
        while not done.is_set():
            make_texts(50)
            make_dicts(50)

    threads = [threading.Thread(target=allocate) for _ in range(4)]
    for thread in threads:
        thread.start()
    clean = 0
    for i in range(300):
        ext.start(64 + i, seed=i + 1)
        make_tuples(20)
        ext.take_snapshot() if i % 50 == 0 else None
        clean += ext.stop()
    done.set()
    for thread in threads:
        thread.join()
    return {"clean": clean}


def case_drift() -> dict[str, Any]:
    """Threads allocate and free with forks between: nothing is left in the tables."""
    count, forks = int(sys.argv[3]), int(sys.argv[4])
    ext.start(8192)

    def churn() -> None:
        ring: list[Any] = [None] * 64
        for i in range(count // 8 // 4):
            ring[i % 64] = (i, [i], b"x" * (i % 300), {"k": i})

    for _ in range(forks):
        threads = [threading.Thread(target=churn) for _ in range(8)]
        for thread in threads:
            thread.start()
        child = os.fork()
        if child == 0:
            churn_a_little = [bytes(i % 100) for i in range(1000)]
            os._exit(len(churn_a_little) == 0)
        os.waitpid(child, 0)
        for thread in threads:
            thread.join()
    del threads
    gc.collect()
    first = ext.get_overhead()
    bytes_left = ext.get_traced_memory()[0]
    ext.stop()
    return {"live": first.live_sample_count, "samples": first.sample_count,
            "lost": first.lost_sample_count, "memory": first.memory_bytes,
            "bytes_left": bytes_left}  # fmt: skip


def case_interpreters() -> dict[str, Any]:
    """Beside another interpreter it is refused, and in another it cannot be imported."""
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    interpreters = importlib.import_module(name)
    other = interpreters.create()
    try:
        ext.start()
        refusal = ""
    except RuntimeError as exc:
        refusal = str(exc)
    interpreters.destroy(other)
    ext.start()
    return {"refusal": refusal, "afterwards": ext.is_tracing(), "stopped": ext.stop()}


def case_exact() -> dict[str, Any]:
    """What tracemalloc says of the makers, by line."""
    gc.collect()
    tracemalloc.start()
    kept = [maker(int(sys.argv[3])) for maker in MAKERS]
    answer = line_sums(tracemalloc.take_snapshot())
    tracemalloc.stop()
    return {"sums": {str(line): size for line, size in answer.items()}, "kept": len(kept)}


def case_sampled() -> dict[str, Any]:
    """The same as estimated: by seed, estimates and intervals by line."""
    n, sample_bytes, runs, first = (int(a) for a in sys.argv[3:7])
    found = []
    reuse = 0
    for seed in range(first, first + runs):
        gc.collect()  # empties the free lists: what was allocated before the start is not seen
        ext.start(sample_bytes, 2, seed=seed)
        reuse = NATIVE.sites_status()["reuse"]
        kept = [maker(n) for maker in MAKERS]
        sites = ext.take_snapshot().estimates()
        ext.stop()
        del kept
        one = {
            str(site.traceback[-1].lineno): [site.value_bytes, site.low_bytes, site.high_bytes]
            for site in sites if site.traceback[-1].filename == __file__
        }  # fmt: skip
        one["reused"] = [sum(site.value_bytes for site in sites
                             if site.traceback[-1].filename == "<from a free list>")]  # fmt: skip
        found.append(one)
    return {"runs": found, "reuse": reuse}


def leak_a_little(store: list[Any]) -> None:
    store.append(bytearray(1000))


def case_attributed() -> dict[str, Any]:
    """A leak of 1 MB beside much that comes and goes: is its line the first?"""
    right, runs = 0, int(sys.argv[3])
    for seed in range(1, runs + 1):
        store: list[Any] = []
        ext.start(8192, 8, seed=seed)
        for _i in range(1000):
            leak_a_little(store)
            make_tuples(3), make_texts(3), make_dicts(3)
        site = ext.take_snapshot().estimates()[0]
        ext.stop()
        right += site.function == "leak_a_little"
    return {"right": right}


print(json.dumps(globals()[f"case_{sys.argv[2]}"]()))
