"""Which lines allocate the memory of a running program, at a few percent of its CPU time.

The interface is that of :mod:`tracemalloc`; but not every block is traced, only a random
sample, one for every ``sample_bytes`` allocated on average.  Sums are estimates, unbiased,
each with an interval::

    from leakhunt import tracemalloc_ext

    with tracemalloc_ext.sampling():
        before = tracemalloc_ext.take_snapshot()
        serve_requests()
        after = tracemalloc_ext.take_snapshot()
    for difference in after.compare_to(before, "lineno")[:10]:
        print(difference)
    for site in after.estimates("lineno")[:10]:
        print(site)

Standard library and our own C extension only.
"""

from leakhunt.tracemalloc_ext._estimate import SiteEstimate
from leakhunt.tracemalloc_ext._sampler import (
    Overhead,
    Sampling,
    get_object_traceback,
    get_overhead,
    get_sampling,
    get_traceback_limit,
    get_traced_memory,
    is_tracing,
    sampling,
    start,
    stop,
    take_snapshot,
)
from leakhunt.tracemalloc_ext._snapshot import SampledSnapshot

__all__ = [
    "Overhead",
    "SampledSnapshot",
    "Sampling",
    "SiteEstimate",
    "get_object_traceback",
    "get_overhead",
    "get_sampling",
    "get_traceback_limit",
    "get_traced_memory",
    "is_tracing",
    "sampling",
    "start",
    "stop",
    "take_snapshot",
]
