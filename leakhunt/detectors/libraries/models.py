"""Models, schemas and templates."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.rows import Kind, Registry, Row, Spot

ROWS: tuple[Row, ...] = (
    Spot(
        Category.CLASS,
        ("marshmallow.class_registry._registry",),
        "Make schema classes once, at module level, or set `class Meta: register = False` in "
        "classes that are made per piece of work.",
        noun="Schema class registered",
    ),
    Kind(
        Category.CLASS,
        frozenset({"pydantic._internal._model_construction.ModelMetaclass"}),
        "Make model classes once, at module level (`create_model` too), and keep them by what "
        "they are made of.",
        noun="Model class made per piece of work",
    ),
    Kind(
        Category.CLASS,
        frozenset({"pydantic.type_adapter.TypeAdapter"}),
        "Make each `TypeAdapter` once, at module level: it compiles a validator.",
        noun="Type adapter made per piece of work",
    ),
    Spot(
        Category.CLASS,
        ("attr.", "attrs."),
        "Make classes with `attrs.make_class` once, at module level.",
        noun="Class made per piece of work",
    ),
    Registry(
        Category.CACHE,
        frozenset({"jinja2.environment.Environment"}),
        (".filters", ".globals", ".tests"),
        "Add filters, tests and globals once, when the environment is made; pass what belongs to "
        "one request to `template.render(...)`.",
        noun="Added to the environment per piece of work",
    ),
    Registry(
        Category.CACHE,
        frozenset({"jinja2.environment.Environment"}),
        (".cache",),
        "Bound it (`Environment(cache_size=400)`, the default; -1 is none) and load templates by "
        "few names; `from_string` with text made per request compiles a template each time.",
        noun="Template kept",
    ),
    Spot(
        Category.CACHE,
        ("jinja2.",),
        "Make one `Environment` and load templates by name.",
        noun="Template kept",
    ),
    Kind(
        Category.CLASS,
        frozenset({"jinja2.environment.Environment"}),
        "Make one `Environment` for the program: each brings its own cache of templates.",
        noun="Environment made per piece of work",
    ),
)
