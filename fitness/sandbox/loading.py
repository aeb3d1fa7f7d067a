"""Turning `package.module:function` into the function."""

from __future__ import annotations

import importlib
from typing import Any


def load(name: str) -> Any:
    """Return what `name` means; raise ImportError if it cannot be imported, for whatever reason its module
    has.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon or not attribute:
        raise ImportError(f"a handler is named package.module:function, received {name!r}")
    module = importlib.import_module(module_name)
    try:
        found = getattr(module, attribute)
    except AttributeError:
        raise ImportError(f"module {module_name} has no {attribute!r}") from None
    if not callable(found):
        raise ImportError(f"{name} must be a function, it is a {type(found).__name__}")
    return found
