"""Properties have no deadline: how long one example takes is the machine's business."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("leakhunt", deadline=None)
settings.load_profile("leakhunt")
