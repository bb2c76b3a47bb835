"""The command line. Stdout carries data, stderr narration; exit codes are in exit_codes."""

from __future__ import annotations

from leakhunt.cli.app import main

__all__ = ["main"]
