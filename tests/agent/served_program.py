"""Runs inside a target: ``PYTHON -I served_program.py`` does what its standard input says.

Each line is JSON: [code, expression].  The code is run in one namespace, the expression's
value is answered as a line of JSON.  The first line is usually the bootstrap's text.
"""

from __future__ import annotations

import json
import sys
from typing import Any

NAMESPACE: dict[str, Any] = {"__name__": "driven"}


def main() -> None:
    for line in sys.stdin:
        code, expression = json.loads(line)
        exec(code, NAMESPACE)
        print(json.dumps(eval(expression, NAMESPACE)), flush=True)


if __name__ == "__main__":
    main()
