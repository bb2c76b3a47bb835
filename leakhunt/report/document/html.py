"""A report as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from leakhunt.report import units
from leakhunt.report.escape import Output, escape

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

    from leakhunt.report.document.outline import Outline


def to_html(outline: Outline) -> str:
    """The page.  Whatever a template prints passes `escape`, so no name can be markup."""
    return _template().render(report=outline) + "\n"


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        finalize=_literal,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["size"] = units.size
    environment.globals["styles"] = Markup(_resource("page.css"))  # noqa: S704  ours, no target's
    return environment.from_string(_resource("page.html"))


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _literal(value: object) -> Markup:
    """The only way out of a template: one line of visible text."""
    from markupsafe import Markup

    if isinstance(value, Markup):
        return value
    return Markup(escape(str(value), Output.HTML, limit=None))  # noqa: S704
