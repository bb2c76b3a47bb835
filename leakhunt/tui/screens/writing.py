"""What can be written to a file from any view: a test, a report, a drawing of the neighbourhood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from leakhunt.errors import LeakhuntError, UsageError
from leakhunt.tui.cancelled import Cancelled
from leakhunt.tui.model.suspects import holder_nodes
from leakhunt.tui.screens.dialogs import AskText, path_of

if TYPE_CHECKING:
    from leakhunt.detectors.base import Finding
    from leakhunt.tui.screens.view import View

_DRAWINGS: Final = {".dot": "dot", ".gv": "dot", ".graphml": "graphml", ".json": "json"}


class Writing:
    """Mixed into a view that can say which finding or object the cursor is on."""

    def written_about(self) -> Finding | None:
        """The finding under the cursor."""
        return None

    def drawn_around(self) -> str:
        """What a drawing is made of the surroundings of: ``@ADDRESS`` or ``finding:N``; empty:
        nothing."""
        finding, case = self.written_about(), self._writer.case
        if finding is None:
            return ""
        if case.is_saved:
            return f"finding:{finding.rank}"
        # A report beside files that were compared here may be another hunt's.
        heap = self._writer.own.heap
        nodes = [] if heap is None else holder_nodes(heap, finding.holder.path)
        nodes += finding.node_ids
        return "" if heap is None or not nodes else heap.key(nodes[0])

    @property
    def _writer(self) -> View:
        return cast("View", self)

    def action_write_test(self) -> None:
        """A pytest test for the finding."""
        from leakhunt.hunt.assertion import write_assertion

        report, finding = self._writer.case.report, self.written_about()
        if report is None or finding is None:
            self._writer.own.say("there is no finding here to write a test for")
            return
        fingerprint = finding.fingerprint

        def write(path: Path) -> str:
            written = write_assertion(report, fingerprint, beside=path)
            written.save(path)
            return "" if written.is_complete else "write one cycle of the load into it"

        name = write_assertion(report, fingerprint).name
        self._ask("Write a test for the finding to a new file", name, write)

    def action_write_report(self) -> None:
        """The report as text, Markdown or HTML, by the name of the file."""
        from leakhunt.hunt.document import format_of, write_document

        report = self._writer.case.report
        if report is None:
            self._writer.own.say("there is no report: nothing was compared")
            return

        def write(path: Path) -> str:
            write_document(report, format_of(path)).save(path)
            return ""

        self._ask("Write the report to a file (.html, .md, .txt)", "leak-report.html", write)

    def action_export(self) -> None:
        """What is around the object, as a drawing or a graph."""
        from leakhunt.hunt.around import export_around

        case, around = self._writer.case, self.drawn_around()
        source = case.folder if around.startswith("finding:") else case.final
        if not around or source is None:
            self._writer.own.say("there is no object here to draw the surroundings of")
            return

        def write(path: Path) -> str:
            file_format = _DRAWINGS.get(path.suffix.lower())
            if file_format is None:
                raise UsageError(
                    f"{path} ends like no drawing", hint="end it .dot, .graphml, .json"
                )
            drawn = export_around(
                source, around, file_format=file_format, on_progress=self._writer.own.tell
            )
            drawn.save(path)
            return f"{drawn.node_count} objects, {drawn.edge_count} references"

        self._ask("Export what is around it (.dot, .graphml, .json)", "around.dot", write)

    # ---- the file ----

    def _ask(self, title: str, name: str, write: Callable[[Path], str]) -> None:
        """Ask for the file, then write it in a worker."""
        view = self._writer

        def done(text: str | None) -> None:
            if text is not None and text.strip():
                path = path_of(text)
                view.run_worker(
                    lambda: self._write(path, write), thread=True, group="write", exclusive=True
                )

        view.app.push_screen(AskText(title, name), done)

    def _write(self, path: Path, write: Callable[[Path], str]) -> None:
        own = self._writer.own
        try:
            more = write(path)
        except LeakhuntError as error:
            own.call_from_thread(own.fail, error)
            return
        except Cancelled:
            return
        finally:
            own.call_from_thread(setattr, own, "waiting", "")
        own.call_from_thread(own.say, f"written: {path}" + (f"; {more}" if more else ""))
