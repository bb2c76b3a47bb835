"""What is known of libraries, one small table a field.

Growth proves a leak; these rows only give it its name and the call that ends it.  A leak in a
library that no row knows is named by its mechanism.
"""

from __future__ import annotations

from leakhunt.detectors.libraries import (
    data,
    databases,
    events,
    http,
    models,
    schedulers,
    standard_library,
    telemetry,
)
from leakhunt.detectors.rows import Remark, Row

ROWS: tuple[Row, ...] = (
    *standard_library.ROWS,
    *schedulers.ROWS,
    *events.ROWS,
    *http.ROWS,
    *databases.ROWS,
    *telemetry.ROWS,
    *models.ROWS,
    *data.ROWS,
)
REMARKS: tuple[Remark, ...] = (*databases.REMARKS, *data.REMARKS)
