"""XML as text, both ways: parsed without document types, written by hand.

Knows no message; what the elements mean is the callers' business.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Optional
from xml.sax.saxutils import escape as escape_text
from xml.sax.saxutils import quoteattr

from checks import Malformed

BOM = "\ufeff"
Element = ElementTree.Element


def parse(text: str, what: str) -> Element:
    """The root element; Malformed names what was not XML."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Malformed(f"{what} has a document type")
    if text.startswith("<?xml"):
        text = text.partition("?>")[2]
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise Malformed(f"{what} is not well-formed XML: {error}") from None


def decode(data: bytes, what: str) -> str:
    """UTF-16LE text; byte order mark and NUL are left in it."""
    try:
        return data.decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-16LE: {error}") from None


def child_text(parent: Optional[Element], name: str) -> Optional[str]:
    """Text of a child element, "" if it is empty, None if there is none."""
    child = parent.find(name) if parent is not None else None
    return None if child is None else child.text or ""


def attribute(element: Element, *names: str) -> Optional[str]:
    """An attribute under any of its names, whatever their case (wire facts
    5.1)."""
    wanted = {name.lower() for name in names}
    for key, value in element.attrib.items():
        if key.lower() in wanted:
            return value
    return None


def names(element: Element) -> list[str]:
    return [child.tag for child in element]


def tag(name: str, attributes: dict[str, str], *inner: str) -> str:
    """One element; inner is XML already."""
    head = name + "".join(f" {key}={quote(value)}"
                          for key, value in attributes.items())
    body = "".join(inner)
    return f"<{head}>{body}</{name}>" if body else f"<{head}/>"


def quote(value: str) -> str:
    return quoteattr(value, {'"': "&quot;"})


def escape(value: str) -> str:
    return escape_text(value)
