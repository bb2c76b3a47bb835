"""Pictures of a case for the manual: ``python -m tests.tui.pictures CASE_DIR OUT_DIR``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.tui.driver import Driver, drive
from tests.tui.picture import picture

SIZE = (110, 34)
KEYS_BY_PICTURE: dict[str, tuple[str, ...]] = {
    "tui-case": ("down",),
    "tui-growth": ("2",),
    "tui-chain": ("down", "enter", "down", "down", "right", "down"),
    "tui-whatif": ("down", "enter", "w"),
    "tui-dominators": ("4",),
    "tui-flame": ("5", "l", "l", *["down"] * 8),
    "tui-tasks": ("6", "down"),
}


def main(case: Path, out: Path) -> None:
    """Draw each."""
    for name, keys in KEYS_BY_PICTURE.items():

        async def look(driver: Driver, name: str = name, keys: tuple[str, ...] = keys) -> None:
            await driver.press(*keys)
            (out / f"{name}.svg").write_text(picture(driver.segments(), name), "utf-8")

        (case / "notebook.json").unlink(missing_ok=True)
        drive(case, look, SIZE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
