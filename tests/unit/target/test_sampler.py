"""Readings of real processes, from outside."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys

import pytest

from leakhunt.errors import TargetError
from leakhunt.target.process_table import read_entry
from leakhunt.target.sampler import ProcessSampler


def test_our_own_state_is_what_we_know_of_it() -> None:
    pipe = os.pipe()
    before = ProcessSampler(os.getpid()).read(1.0)
    keep = mmap.mmap(-1, 32 << 20)  # a bytearray may find room that the process has already
    for at in range(0, len(keep), mmap.PAGESIZE):
        keep[at] = 1
    after = ProcessSampler(os.getpid()).read(2.0)
    for end in pipe:
        os.close(end)
    closed = ProcessSampler(os.getpid()).read(3.0)
    assert (32 << 20) - (1 << 20) <= after.rss_bytes - before.rss_bytes <= (34 << 20)
    assert (before.descriptor_count or 0) - (closed.descriptor_count or 0) == 2
    assert after.thread_count == before.thread_count >= 1
    assert [before.at_s, after.at_s] == [1.0, 2.0]
    assert after.cpu_ticks >= before.cpu_ticks
    keep.close()


def test_a_process_that_ends_is_said_to_have_ended() -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n", "amid its exec it has no memory"
    sampler = ProcessSampler(process.pid)
    assert sampler.read(0.0).rss_bytes > 0
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(TargetError, match="ended"):
        sampler.read(0.0)
    process.communicate()
    with pytest.raises(TargetError, match="ended"):
        sampler.read(0.0)


def test_another_process_of_the_same_number_is_not_read() -> None:
    own = read_entry(os.getpid())
    assert own is not None
    with pytest.raises(TargetError, match="another one has its number"):
        ProcessSampler(os.getpid(), own.start_ticks - 1).read(0.0)


def test_what_is_not_there_cannot_be_sampled() -> None:
    with pytest.raises(TargetError, match="there is no process") as caught:
        ProcessSampler((1 << 22) - 2)
    assert caught.value.hint
