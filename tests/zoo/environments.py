"""Environments of the zoo's targets, made once and kept by what they hold."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path


def environment(folder: Path, requirements: Path, constraints: Path) -> Path:
    """Interpreter of an environment with the requirements; made on first use.

    Raises subprocess.CalledProcessError when an installation fails.
    """
    wanted = requirements.read_text(encoding="utf-8")
    key = hashlib.sha256(f"{sys.version}\n{wanted}".encode()).hexdigest()[:16]
    home = folder / key
    python = home / "bin" / "python"
    folder.mkdir(exist_ok=True)
    with (folder / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not (home / ".ready").exists():
            _make(home, requirements, constraints)
    return python


def _make(home: Path, requirements: Path, constraints: Path) -> None:
    python = home / "bin" / "python"
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    # An old release with its own pins knows nothing of the shared ones.
    install = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    attempts = [["-c", str(constraints)], []]
    for number, pins in enumerate(attempts, 1):
        done = subprocess.run(
            [*install, *pins, "-r", str(requirements)],
            check=number == len(attempts),
            capture_output=number < len(attempts),
        )
        if done.returncode == 0:
            break
    (home / ".ready").touch()
