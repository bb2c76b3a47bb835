"""What every worker of a view must do: tell of errors, end quietly, take the words away."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from leakhunt.errors import LeakhuntError
from leakhunt.tui.cancelled import Cancelled

P = ParamSpec("P")
Work = Callable[Concatenate[Any, P], None]


def careful(work: Work[P]) -> Work[P]:
    """For the body of a thread worker of a view: below ``@work(thread=True, ...)``."""

    @wraps(work)
    def done(view: Any, /, *args: P.args, **kwargs: P.kwargs) -> None:
        own = view.app
        try:
            work(view, *args, **kwargs)
        except LeakhuntError as error:
            own.from_worker(own.fail, error)
        except Cancelled:
            return
        finally:
            own.from_worker(own.rest)

    return done
