"""Reach a running interpreter that nobody prepared: no files, packages or symbols needed there.

``check`` finds out beforehand whether it can be done; ``open_channel`` does it.
"""

from leakhunt.target.attach.channel import AttachFacts, Channel
from leakhunt.target.attach.door import Door, TextSource
from leakhunt.target.attach.identify import ProcessIdentity
from leakhunt.target.attach.open import METHODS, open_channel, require_ready
from leakhunt.target.attach.preflight import Preflight, check
from leakhunt.target.attach.rights import Obstacle

__all__ = [
    "METHODS",
    "AttachFacts",
    "Channel",
    "Door",
    "Obstacle",
    "Preflight",
    "ProcessIdentity",
    "TextSource",
    "check",
    "open_channel",
    "require_ready",
]
