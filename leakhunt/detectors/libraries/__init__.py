"""What is known of libraries, one small table a field.

Growth proves a leak; these rows only give it its name and the call that ends it.  A leak in a
library that no row knows is named by its mechanism.
"""

from __future__ import annotations

from leakhunt.detectors.libraries import plotting, schedulers, standard_library
from leakhunt.detectors.rows import Row

ROWS: tuple[Row, ...] = (*standard_library.ROWS, *schedulers.ROWS, *plotting.ROWS)
