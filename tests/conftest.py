"""Properties have no deadline: how long an example takes is the machine's business.

A run in the background of a shell starts with interrupts ignored, and so would all that it starts.
"""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("leakhunt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leakhunt")

# For tests/pytest_plugin; pytest wants it in the topmost conftest.
pytest_plugins = ["pytester"]
