"""Marks, notes and verdicts of a person's own: the same keys in every view that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from leakhunt.tui.screens.dialogs import AskText, AskVerdict

if TYPE_CHECKING:
    from leakhunt.tui.screens.view import View


class Noting:
    """Mixed into a view that can say what the cursor is on."""

    def noted(self) -> tuple[str, str] | None:
        """Key in the notebook and name of what the cursor is on; None: of nothing."""
        raise NotImplementedError

    def renote(self) -> None:
        """Show what changed."""

    @property
    def _view(self) -> View:
        return cast("View", self)

    def action_mark(self) -> None:
        """Mark it, or take the mark away."""
        about = self.noted()
        if about is None:
            return
        marks, (key, name) = self._view.case.notebook.marks, about
        if marks.pop(key, None) is None:
            marks[key] = name
        self._keep()

    def action_note(self) -> None:
        """Ask for a note."""
        about = self.noted()
        if about is None:
            return
        notes, (key, name) = self._view.case.notebook.notes, about

        def done(text: str | None) -> None:
            if text is None:
                return
            if text.strip():
                notes[key] = text.strip()
            else:
                notes.pop(key, None)
            self._keep()

        self._view.app.push_screen(AskText(f"Note on {name}", notes.get(key, "")), done)

    def action_verdict(self) -> None:
        """Ask for a verdict."""
        about = self.noted()
        if about is None:
            return
        verdicts, (key, name) = self._view.case.notebook.verdicts, about

        def done(verdict: str | None) -> None:
            if verdict is None:
                return
            if verdict:
                verdicts[key] = verdict
            else:
                verdicts.pop(key, None)
            self._keep()

        self._view.app.push_screen(AskVerdict(name, verdicts.get(key, "")), done)

    def _keep(self) -> None:
        self.renote()
        self._view.own.save_notebook()
