"""Templates, styles and scripts made one page that loads nothing and runs nothing but its own script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from experiments.report import wording

ASSETS = Path(__file__).parent / "assets"
STYLE = "report.css"
SHARED = ("packing.js", "drawing.js", "scales.js", "curves.js")
"""Scripts of every page, in the order in which they build on each other."""


def rendered(template: str, scripts: tuple[str, ...], data: Mapping[str, Any], **values: Any) -> str:
    """Return a page: the template with values, all escaped, and with data for its scripts to read."""
    style = (ASSETS / STYLE).read_text()
    script = "\n".join((ASSETS / name).read_text() for name in (*SHARED, *scripts))
    whole = f"'use strict';\n{{\n{script}}}\n"
    return _environment().get_template(template).render(
        style=Markup(style), script=Markup(whole), data=_island(data),
        policy=f"default-src 'none'; script-src {_hash(whole)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'",
        **values,
    )  # fmt: skip


@cache
def _environment() -> Environment:
    """Return templates that escape whatever is put into them, and know our words for figures."""
    environment = Environment(
        loader=FileSystemLoader(ASSETS), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        name: getattr(wording, name) for name in ("times", "duration", "milliseconds", "dollars")
    }
    environment.globals |= {
        "count": wording.count, "status_words": wording.STATUS_WORDS, "stage_words": wording.STAGE_WORDS,
    }  # fmt: skip
    return environment


def _island(data: Mapping[str, Any]) -> Markup:
    """Return data as JSON that ends no script element, whatever is in it."""
    text = msgspec.json.encode(data).decode()
    for each in "<>&\u2028\u2029":
        text = text.replace(each, f"\\u{ord(each):04x}")
    return Markup(text)


def _hash(text: str) -> str:
    """Return what a content security policy calls an inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
