"""What a file holds, in a few letters, without the four megabytes that OpenSSL takes.

``hashlib`` loads that library for any digest; a watch that stays for months does not need it.
"""

from __future__ import annotations

from collections.abc import Iterable

try:
    from _blake2 import blake2b
except ImportError:  # an interpreter that was built without its own digests
    from hashlib import blake2b


def digest(parts: Iterable[bytes], digits: int) -> str:
    """So many hexadecimal digits (an even number, 128 at most) of BLAKE2b over the parts."""
    state = blake2b(digest_size=digits // 2)
    for part in parts:
        state.update(part)
    return state.hexdigest()
