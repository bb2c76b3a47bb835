"""Properties have no deadline: how long an example takes is the machine's business."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("leakhunt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leakhunt")

# For tests/pytest_plugin; pytest wants it in the topmost conftest.
pytest_plugins = ["pytester"]
