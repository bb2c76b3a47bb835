"""Hashes of texts that mean the same in every snapshot, whatever process wrote it."""

from __future__ import annotations

import numpy as np

from leakhunt.store.columns import U64, SnapshotColumns

_BASE = 0x9E3779B97F4A7C15
"""Odd, so that its powers modulo 2**64 never vanish."""
_CHUNK_BYTES = 1 << 20
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def string_hashes(columns: SnapshotColumns) -> U64:
    """(string_count,) 64-bit hash of each string's bytes.

    A polynomial over the bytes modulo 2**64, mixed with the length: equal texts have equal
    hashes; that two different ones do is as unlikely as a random collision.  O(bytes).
    """
    offset = columns.string_offset.astype(np.int64)
    out = np.zeros(len(offset) - 1, np.uint64)
    longest = int(np.diff(offset).max()) if len(out) else 0
    power = _powers(longest)
    start = 0
    while start < len(out):
        end = int(np.searchsorted(offset, offset[start] + _CHUNK_BYTES, "right")) - 1
        end = min(max(end, start + 1), len(out))
        out[start:end] = _hash_chunk(columns, offset[start : end + 1], power)
        start = end
    return mix(out, np.diff(offset).astype(np.uint64))


def _powers(count: int) -> U64:
    with np.errstate(over="ignore"):
        power = np.full(max(count, 1), _BASE, np.uint64)
        power[0] = 1
        return np.cumprod(power, dtype=np.uint64)


def _hash_chunk(columns: SnapshotColumns, offset: np.ndarray, power: U64) -> U64:
    """Hashes of the strings between consecutive offsets."""
    first, last = int(offset[0]), int(offset[-1])
    length = np.diff(offset)
    position = np.arange(first, last, dtype=np.int64) - np.repeat(offset[:-1], length)
    with np.errstate(over="ignore"):
        terms = (columns.string_bytes[first:last].astype(np.uint64) + np.uint64(1)) * power[
            position
        ]
        total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
        result: U64 = total[offset[1:] - first] - total[offset[:-1] - first]
    return result


def mix(a: U64, b: U64) -> U64:
    """One 64-bit key of two (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        key: U64 = a * _MIX[0]
        spare = b * _MIX[1]  # one temporary for all steps: new memory costs more than the sums
        key += spare
        for shift, factor in zip((30, 27), _MIX, strict=True):
            np.right_shift(key, np.uint64(shift), out=spare)
            key ^= spare
            key *= factor
        np.right_shift(key, np.uint64(31), out=spare)
        key ^= spare
        return key
