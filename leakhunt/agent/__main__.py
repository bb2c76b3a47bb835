"""``python -m leakhunt.agent [-m MODULE | FILE] [ARGUMENT ...]``: run a program, prepared.

The program's names replace those of this file, so all the work is done elsewhere.
"""

import sys

from leakhunt.agent.run import main

if __name__ == "__main__":
    main(sys.argv[1:])
