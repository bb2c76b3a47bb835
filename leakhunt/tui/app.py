"""The application: the case, the screens, and the way from one to another."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.filter import Monochrome, NoColor
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import NoActiveWorker, get_current_worker

from leakhunt.errors import LeakhuntError
from leakhunt.report.escape import escape
from leakhunt.report.model import Report
from leakhunt.tui import keys, messages
from leakhunt.tui.cancelled import Cancelled
from leakhunt.tui.colorless import Colorless
from leakhunt.tui.leaving import LET_GO_S, Hands, end_within
from leakhunt.tui.model.case import Case
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.model.open import case_of
from leakhunt.tui.screens.registry import VIEWS, import_all, make
from leakhunt.tui.screens.view import View
from leakhunt.tui.theme import ANSI_DARK, ANSI_LIGHT, DARK, FALLBACK, LIGHT, THEMES
from leakhunt.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from leakhunt.target.progress import Progress
    from leakhunt.tui.screens.live import LiveView

_PLACE = "app"
_ENDS = (signal.SIGHUP, signal.SIGTERM)
_PATIENCE_S = 5.0
"""For the screen to be left, once we were told to: its terminal may be gone."""
_BETWEEN_S = 0.15
"""Making two views; a key that comes meanwhile is answered first."""


class LeakhuntApp(App[None]):
    """One case on the screen."""

    TITLE = "leakhunt"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(*keys.APP_KEYS)
    ENABLE_COMMAND_PALETTE = True

    report: reactive[Report | None] = reactive[Report | None](None)
    """The report, once it is there."""
    heap: reactive[HeapView | None] = reactive[HeapView | None](None)
    """The heap that is walked, once it is open."""
    waiting: reactive[str] = reactive("")
    """What a worker is at, for the line that says so; empty when nothing is awaited."""

    def __init__(
        self,
        case: Case,
        *,
        said: str = "",
        view: str = "",
        at_rest: Callable[[bool], object] | None = None,
    ) -> None:
        """``at_rest``: called after the first paint, and when all views are made; told whether
        another case was given up since."""
        super().__init__()
        self._at_rest = at_rest or (lambda _: None)
        self._has_given_up = False
        self.case = case
        self.failure: LeakhuntError | None = None
        self._said = said
        self._first = view
        self._back: list[str] = []
        self._forward: list[str] = []
        self.no_color = bool(os.environ.get("NO_COLOR"))  # Textual takes an empty one for a wish
        self._hands = Hands()
        self._live: LiveView | None = None

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """For themes that lack the variables of ours."""
        return FALLBACK

    async def on_event(self, event: events.Event) -> None:
        """Keys of one instant act one after another: what the first one opens has the next.

        Textual hands each to the widget that has the focus when it comes, and acts on it when it
        comes back: letters typed with the key that opens a field would be keys of the list.
        """
        if isinstance(event, events.Key) and not event.is_forwarded:
            is_there: asyncio.Event = self.screen._mounted_event  # noqa: SLF001
            await is_there.wait()  # else a dialog has no field yet
            is_text = isinstance(self.focused, Input)  # a field has keys in its own queue
            for is_first in () if is_text else (True, False):
                if await self._check_bindings(event.key, priority=is_first):
                    return
        await super().on_event(event)

    # ---- start and end ----

    def on_mount(self) -> None:
        """Show the first view, then read what there is to show."""
        asyncio.get_running_loop().set_default_executor(self._hands)
        self._listen_for_ends()
        self.ansi_theme_dark, self.ansi_theme_light = ANSI_DARK, ANSI_LIGHT
        for theme in THEMES:
            self.register_theme(theme)
        place = self.case.notebook.places.get(_PLACE, {})
        known = {theme.name for theme in THEMES} | set(self.available_themes)
        theme_name = place.get("theme")
        is_known = isinstance(theme_name, str) and theme_name in known
        self.theme = theme_name if is_known else DARK.name
        self._leave_colors_out()
        for name in VIEWS:
            self.add_mode(name, make(name))
        wanted = self._first or place.get("view") or ("live" if self.case.pid else "case")
        self.switch_mode(wanted if wanted in list(VIEWS) else next(iter(VIEWS)))
        self.report = self.case.report
        if self._said:
            self.say(self._said, is_bad=True)
        self.load()
        self.call_after_refresh(self._tell_of_rest)

    def watch_theme(self) -> None:
        """Another theme, other grounds."""
        self._leave_colors_out()

    def _leave_colors_out(self) -> None:
        """With NO_COLOR; where Textual would draw in shades of grey."""
        kept = [
            one for one in self._filters if not isinstance(one, (Monochrome, NoColor, Colorless))
        ]
        self._filters = [*kept, Colorless(self.get_css_variables())] if self.no_color else kept

    def _listen_for_ends(self) -> None:
        """End in order when told to, or when the terminal is gone."""
        loop = asyncio.get_running_loop()
        for number in _ENDS:
            with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
                loop.add_signal_handler(number, self._end, 128 + number)

    def _end(self, code: int) -> None:
        patience_s = LET_GO_S if self._leave(code) else 0.0
        end_within(patience_s + _PATIENCE_S, code)

    async def action_quit(self) -> None:
        """Leave; where everybody is, is kept, and a process that is hunted is let go of."""
        self._leave(None)

    def _leave(self, code: int | None) -> bool:
        """Leave the screen now; True when a process is yet to be let go of."""
        self.keep_places()
        stack = self._screen_stacks.get("live")
        if stack:
            self._live = cast("LiveView", stack[0])
            self._live.leave()
        self.workers.cancel_all()
        self.exit(return_code=code or 0)
        return self.is_inside

    @property
    def is_inside(self) -> bool:
        """Is a process yet to be let go of?  Whoever ends this program waits for it."""
        return self._live is not None and self._live.is_inside

    @property
    def is_busy(self) -> bool:
        """Does a worker compute?  Whoever ends this program does not wait for it."""
        return self._hands.is_busy

    def keep_places(self) -> None:
        """Write the notebook with the place of each view."""
        places = self.case.notebook.places
        places[_PLACE] = {"view": self.current_mode, "theme": self.theme}
        for name, stack in self._screen_stacks.items():
            view = stack[0] if stack else None
            if name in VIEWS and isinstance(view, View) and view.is_begun:
                places[name] = view.place()
        self.save_notebook()

    def save_notebook(self) -> None:
        """Keep what was noted; say so when that cannot be."""
        try:
            self.case.notebook.save()
        except LeakhuntError as error:
            self.fail(error)

    # ---- what workers do ----

    @work(thread=True, exclusive=True, group="load")
    def load(self) -> None:
        """Read the report and open the heap; tell the views."""
        case = self.case
        try:
            report = case.read_report()
            self.from_worker(self._loaded, case, "report", report)
            heap = case.open_final(self.tell)
            self.from_worker(self._loaded, case, "heap", heap)
            import_all()
        except LeakhuntError as error:
            self.from_worker(self._load_failed, error)
        except Cancelled:
            return
        finally:
            self.from_worker(self.rest)
            self.from_worker(self._make_a_view)

    def _make_a_view(self) -> None:
        """Make the views that nobody has seen yet, one at a time: no key waits for them then."""
        unseen = next((name for name in VIEWS if name not in self._screen_stacks), None)
        if unseen is not None and self.is_running and not self._exit:
            self._init_mode(unseen)
            # It has the styles that hold now: to find them once more would take a tenth of a second
            # when it is shown.
            self.view(unseen)._css_update_count = self._css_update_count  # noqa: SLF001
            self.set_timer(_BETWEEN_S, self._make_a_view)
        elif unseen is None:
            self._tell_of_rest()

    def _tell_of_rest(self) -> None:
        has_given_up, self._has_given_up = self._has_given_up, False
        self._at_rest(has_given_up)

    def _loaded(self, case: Case, what: str, value: Report | HeapView | None) -> None:
        if case is self.case:  # else another hunt came
            setattr(self, what, value)

    def _load_failed(self, error: LeakhuntError) -> None:
        """Without a report there is nothing to stay for; with one, its pages can be read."""
        if self.report is None:
            self.failure = error
            self.exit(return_code=2)
        else:
            self.fail(error)

    def adopt(self, folder: Path) -> None:
        """Show what a hunt just kept in a folder; the process stays the one that is watched."""
        try:
            case, said = case_of([str(folder)])
        except LeakhuntError as error:
            self.fail(error)
            return
        case.pid = self.case.pid
        self.case, self._has_given_up = case, True
        self.report = self.heap = None
        self.report = case.report
        if said:
            self.say(said, is_bad=True)
        self.show("case")
        self.load()

    def tell(self, progress: Progress) -> None:
        """Show what a worker is at; ends a worker that was cancelled."""
        if self._exit:
            raise Cancelled
        with contextlib.suppress(NoActiveWorker):  # in a thread that helps a worker
            if get_current_worker().is_cancelled:
                raise Cancelled
        words = progress.message or progress.phase
        if progress.total:
            words += f" {progress.done or 0} of {progress.total}"
        self.from_worker(self.wait_for, escape(words, limit=60))

    def from_worker(self, call: Callable[..., object], *args: object) -> None:
        """Call something in the thread of the screen; nothing once that is gone."""
        if self.is_running and not self._exit:
            self.call_from_thread(call, *args)

    def wait_for(self, words: str) -> None:
        """Say what is awaited."""
        self.waiting = words

    def rest(self) -> None:
        """Nothing is awaited any more."""
        self.waiting = ""

    def fail(self, error: LeakhuntError) -> None:
        """Say what went wrong and what to do next."""
        self.say(f"{error}\n{error.hint}" if error.hint else str(error), is_bad=True)

    def say(self, text: str, *, is_bad: bool = False) -> None:
        """A short message that goes by itself.  Never markup."""
        lines = "\n".join(escape(line, limit=400) for line in text.splitlines())
        self.notify(
            lines,
            severity="error" if is_bad else "information",
            markup=False,
            timeout=12 if is_bad else 4,
        )

    # ---- from view to view ----

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the views there are."""
        return tuple(VIEWS)

    def view(self, name: str) -> View:
        """A view, made when it was never shown."""
        if name not in self._screen_stacks:
            self._init_mode(name)
        return cast("View", self._screen_stacks[name][0])

    def show(self, name: str) -> None:
        """Go to a view; what was shown can be gone back to."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if name != self.current_mode:
            self._back.append(str(self.current_mode))
            self._forward.clear()
            self.switch_mode(name)

    def _shown(self, name: str) -> View:
        """Go to a view; one that was just made has its widgets only a moment later, so what is
        asked of it is called later."""
        self.show(name)
        return self.view(name)

    def action_show_view(self, name: str) -> None:
        """A key or a tab was chosen."""
        if name in VIEWS:
            self.show(name)

    async def action_back(self) -> None:
        """Back: first within the view, then to the view before."""
        if self._at_home and self._current.go_back():
            return
        if self._back:
            self._forward.append(str(self.current_mode))
            self.switch_mode(self._back.pop())

    def action_forward(self) -> None:
        """Forward again."""
        if self._at_home and self._current.go_forward():
            return
        if self._forward:
            self._back.append(str(self.current_mode))
            self.switch_mode(self._forward.pop())

    @property
    def _at_home(self) -> bool:
        return len(self.screen_stack) == 1

    @property
    def _current(self) -> View:
        return self.view(str(self.current_mode))

    def action_close(self) -> None:
        """Close the dialog, or what the view has open."""
        if not self._at_home:
            self.pop_screen()
        else:
            self._current.close()

    def action_toggle_theme(self) -> None:
        """Light or dark."""
        self.theme = DARK.name if self.theme == LIGHT.name else LIGHT.name

    def action_help(self) -> None:
        """All keys."""
        from leakhunt.tui.screens.help import HelpScreen

        self._open_dialog(HelpScreen())

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette: Textual's own commands, and all that keys can do here."""
        yield from super().get_system_commands(screen)
        for key in keys.KEYS.values():
            action = key.action.partition("(")[0]
            owner = next((one for one in (screen, self) if hasattr(one, f"action_{action}")), None)
            if owner is not None and action != "command_palette":
                title = f"{key.does[:1].upper()}{key.does[1:]}"
                about = f"key {key.written}"
                yield SystemCommand(title, about, partial(self.run_action, key.action, owner))

    def action_search(self) -> None:
        """Search everywhere."""
        from leakhunt.tui.screens.search import SearchScreen

        self._open_dialog(SearchScreen())

    def _open_dialog(self, dialog: Screen[None]) -> None:
        if not isinstance(self.screen, type(dialog)):
            self.push_screen(dialog)

    # ---- what views ask for ----

    def on_top_bar_chosen(self, message: TopBar.Chosen) -> None:
        """A tab was clicked."""
        self.show(message.name.lower())

    def on_copy(self, message: messages.Copy) -> None:
        """Into the clipboard, by the terminal (OSC 52)."""
        text = escape(message.text, limit=None)  # a name may end a line, or be no UTF-8
        self.copy_to_clipboard(text)
        self.say(f"copied: {text}")

    def on_open_type(self, message: messages.OpenType) -> None:
        """List the instances of a type."""
        view = self._shown("growth")
        view.call_later(view.open_type, message.type_name)

    def on_open_node(self, message: messages.OpenNode) -> None:
        """Walk the chain of an object."""
        view = self._shown("chain")
        view.call_later(view.open_node, message.node)

    def on_open_finding(self, message: messages.OpenFinding) -> None:
        """Walk the chain of a finding."""
        view = self._shown("chain")
        view.call_later(view.open_finding, message.fingerprint, is_whole=message.is_whole)
