"""SVG that a page without inline styles can hold: what matplotlib writes, with attributes for its styles."""

from __future__ import annotations

import re
from xml.etree import ElementTree

NAMESPACE = "http://www.w3.org/2000/svg"
LINK = "http://www.w3.org/1999/xlink"
LEFT_OUT = ("metadata", "style")
_IDENTITY = re.compile(r"url\(#([^)]+)\)")


def inline(svg: str, label: str, prefix: str) -> str:
    """Return a drawing as an element of a page: nothing is styled by a style, ids begin with the prefix.

    Raises:
        xml.etree.ElementTree.ParseError: it is no XML.
    """
    ElementTree.register_namespace("", NAMESPACE)
    ElementTree.register_namespace("xlink", LINK)
    root = ElementTree.fromstring(svg)
    for parent in root.iter():
        for child in [each for each in parent if _name(each) in LEFT_OUT]:
            parent.remove(child)
    for element in root.iter():
        _unstyle(element)
        _rename(element, prefix)
    for name, value in {"stroke-linejoin": "round", "stroke-linecap": "butt", "role": "img"}.items():
        root.set(name, value)
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")


def _unstyle(element: ElementTree.Element) -> None:
    """Turn a style into attributes of the same names; all that matplotlib sets for paths can be given so."""
    style = element.attrib.pop("style", "")
    for each in filter(None, (part.strip() for part in style.split(";"))):
        name, _, value = each.partition(":")
        element.set(name.strip(), value.strip())


def _rename(element: ElementTree.Element, prefix: str) -> None:
    """Let ids, and what refers to them, differ from those of other drawings of the page."""
    if "id" in element.attrib:
        element.set("id", f"{prefix}-{element.attrib['id']}")
    for name, value in element.attrib.items():
        if name == f"{{{LINK}}}href" and value.startswith("#"):
            element.set(name, f"#{prefix}-{value[1:]}")
        elif "url(#" in value:
            element.set(name, _IDENTITY.sub(rf"url(#{prefix}-\1)", value))


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
