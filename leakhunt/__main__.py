"""``python -m leakhunt`` is the command ``leakhunt``."""

from __future__ import annotations

import sys

from leakhunt.cli import main

if __name__ == "__main__":
    sys.exit(main())
