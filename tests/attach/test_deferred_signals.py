"""While a target stands still, signals to the tool wait."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import os, signal, sys, threading, time
from leakhunt.target.attach.deferred_signals import deferred_signals
# A library's thread that blocks no signal would take it.
threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
{prepare}
def work():
    with deferred_signals():
        os.kill(os.getpid(), {number})
        time.sleep(0.2)
        print("held", flush=True)
work()
time.sleep(1)
print("went on")
"""


def run(number: int, prepare: str = "") -> tuple[str, int]:
    code = CODE.format(number=number, prepare=prepare)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout, done.returncode


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGUSR1]
)
def test_a_signal_takes_effect_afterwards(number: signal.Signals) -> None:
    assert run(number) == ("held\n", -number)


def test_a_handler_of_the_tool_is_called_afterwards() -> None:
    prepare = "signal.signal(15, lambda *_: print('handled', flush=True))"
    assert run(signal.SIGTERM, prepare) == ("held\nhandled\nwent on\n", 0)


def test_what_is_ignored_stays_ignored() -> None:
    assert run(signal.SIGHUP, "signal.signal(1, signal.SIG_IGN)") == ("held\nwent on\n", 0)
