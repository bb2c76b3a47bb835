"""Known noise: what grows because a program runs at all, by where it is kept.  Tables only."""

from __future__ import annotations

from enum import Enum


class Extent(Enum):
    """How far known noise grows."""

    SMALL = "small"
    """Its own module keeps it small."""
    WARM_UP = "warm-up"
    """As far as there is code to load, or the interpreter needs."""
    ENDLESS = "endless"
    """As far as the program feeds it: mostly a warm-up, at times a leak."""


NOISE_ATTRIBUTES = {
    ("linecache", "cache"): "source lines kept for tracebacks",
    ("linecache", "_interactive_cache"): "source lines kept for tracebacks",
    ("re", "_cache"): "compiled patterns",
    ("re", "_cache2"): "compiled patterns",
    ("_strptime", "_regex_cache"): "compiled time formats",
    ("xml.etree.ElementPath", "_cache"): "compiled paths of elements",
    ("regex._main", "_cache"): "compiled patterns",
    ("regex._main", "_named_args"): "compiled patterns",
    ("regex._main", "_locale_sensitive"): "compiled patterns",
    ("regex._main", "_replacement_cache"): "compiled replacements",
    ("ua_parser.user_agent_parser", "_PARSE_CACHE"): "names of browsers already parsed",
    ("django.core.cache.backends.locmem", "_caches"): "Django's cache, which culls itself",
    ("django.core.cache.backends.locmem", "_expire_info"): "Django's cache, which culls itself",
    ("babel.localedata", "_cache"): "locales already loaded",
    ("babel.localedata", "_dict_cache"): "locales already loaded",
    ("babel.localedata", "exists"): "locales already loaded",
    ("inspect", "modulesbyfile"): "module names kept by inspect",
    ("inspect", "_filesbymodname"): "module names kept by inspect",
    ("sys", "path_importer_cache"): "import cache",
    ("importlib._bootstrap", "_module_locks"): "import locks",
    ("importlib._bootstrap", "_blocking_on"): "import locks",
    ("_frozen_importlib", "_module_locks"): "import locks",
    ("_frozen_importlib", "_blocking_on"): "import locks",
    ("zipimport", "_zip_directory_cache"): "import cache",
    ("warnings", "onceregistry"): "warnings already shown",
    ("warnings", "_onceregistry"): "warnings already shown",
    ("encodings", "_cache"): "codecs looked up",
    ("sys", "last_traceback"): "last traceback shown at a prompt",
    ("sys", "last_exc"): "last exception shown at a prompt",
    ("sys", "last_value"): "last exception shown at a prompt",
}
_BOUNDED_BY_CODE = frozenset(
    {
        ("re", "_cache"),
        ("re", "_cache2"),
        ("_strptime", "_regex_cache"),
        ("xml.etree.ElementPath", "_cache"),
        ("regex._main", "_cache"),
        ("regex._main", "_named_args"),
        ("regex._main", "_locale_sensitive"),
        ("regex._main", "_replacement_cache"),
        ("ua_parser.user_agent_parser", "_PARSE_CACHE"),
        ("django.core.cache.backends.locmem", "_caches"),
        ("django.core.cache.backends.locmem", "_expire_info"),
    }
)
_ENDLESS = frozenset(
    {
        ("linecache", "cache"),
        ("encodings", "_cache"),
        ("sys", "path_importer_cache"),
        ("zipimport", "_zip_directory_cache"),
        ("warnings", "onceregistry"),
        ("warnings", "_onceregistry"),
    }
)
"""Noise by what the program feeds it: names of generated code, of codecs, of folders, texts."""
NOISE_OF_STATE = {
    "_struct": "formats already compiled, 100 at most",
    "_zoneinfo": "offsets of time zones, of which there are only so many",
}
"""What C code of a module keeps in the module's state, besides its namespace: small."""
NOISE_EVERYWHERE = {"__warningregistry__": "warnings already shown"}
NOISE_FIELDS = {"cached_objects.interned_strings": "interned strings of the interpreter"}
"""Fields of the interpreter state."""
NOISE_ROOTS = {"type attribute cache": ("the interpreter's attribute cache", Extent.SMALL)}
"""Whole roots, by label."""
NOISE_PACKAGES = {
    "leakhunt": "leakhunt itself",
    "_pytest": "test runner",
    "pluggy": "test runner",
}
CACHE_WRAPPER = "functools._lru_cache_wrapper"


def extent_of(module: str, attribute: str) -> Extent:
    """How far the noise that a module's attribute names grows."""
    if (module, attribute) in _BOUNDED_BY_CODE:
        return Extent.SMALL
    return Extent.ENDLESS if (module, attribute) in _ENDLESS else Extent.WARM_UP
