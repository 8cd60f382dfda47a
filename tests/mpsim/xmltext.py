"""XML as text, both ways: parsed without document types, written by hand.

Knows no message; what the elements mean is the callers' business.
"""

from __future__ import annotations

import codecs
import re
import xml.etree.ElementTree as ElementTree
from typing import Callable, Iterator, Optional, Union
from xml.sax.saxutils import escape as escape_text
from xml.sax.saxutils import quoteattr

from checks import Malformed

BOM = "\ufeff"
DEPTH_MAX = 64
PIECE = 1 << 20
FORBIDDEN = ("<!DOCTYPE", "<!ENTITY")
Element = ElementTree.Element
Buffer = Union[bytes, memoryview]


def parse(text: str, what: str) -> Element:
    """The root element; Malformed names what was not XML."""
    if any(word in text for word in FORBIDDEN):
        raise Malformed(f"{what} has a document type")
    if text.startswith("<?xml"):
        text = text.partition("?>")[2]
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise Malformed(f"{what} is not well-formed XML: {error}") from None


def pieces(source: Union[str, Buffer], what: str) -> Iterator[str]:
    """The text of source, decoded from UTF-16LE if it is bytes, in pieces
    none of which begins an XML declaration or shows a document type."""
    if isinstance(source, str):
        whole = (source[at:at + PIECE]
                 for at in range(0, len(source), PIECE))
    else:
        whole = decoded(source, what)
    tail = ""
    for number, text in enumerate(whole):
        if any(word in tail + text for word in FORBIDDEN):
            raise Malformed(f"{what} has a document type")
        tail = text[-16:]
        if number == 0 and text.startswith("<?xml"):
            text = text.partition("?>")[2]
        yield text


def decoded(data: Buffer, what: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-16-le")()
    try:
        for at in range(0, len(data), PIECE):
            yield decoder.decode(bytes(data[at:at + PIECE]))
        decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-16LE: {error}") from None


def walk(source: Union[str, Buffer], what: str, holder: str,
         visit: Callable[[Element], None]) -> Element:
    """Parses without keeping all: every child of the root's child holder is
    shown to visit, then dropped. Returns the root of what remains."""
    parser = ElementTree.XMLPullParser(events=("start", "end"))
    above: list[Element] = []
    root: Optional[Element] = None
    try:
        for text in pieces(source, what):
            parser.feed(text)
            root = turn(parser, above, root, what, holder, visit)
        parser.close()
        root = turn(parser, above, root, what, holder, visit)
    except (ElementTree.ParseError, ValueError) as error:
        raise Malformed(f"{what} is not well-formed XML: {error}") from None
    if root is None or above:
        raise Malformed(f"{what} is not well-formed XML: it ends too early")
    return root


def turn(parser: ElementTree.XMLPullParser, above: list[Element],
         root: Optional[Element], what: str, holder: str,
         visit: Callable[[Element], None]) -> Optional[Element]:
    """What the parser has found since the last turn."""
    for event, element in parser.read_events():
        if event == "start":
            root = element if root is None else root
            above.append(element)
            if len(above) > DEPTH_MAX:
                raise Malformed(f"{what} is nested deeper than {DEPTH_MAX}")
            continue
        above.pop()
        if len(above) == 2 and above[1].tag == holder:
            visit(element)
            above[1].remove(element)
    return root


def decode(data: Buffer, what: str) -> str:
    """UTF-16LE text; byte order mark and NUL are left in it."""
    try:
        return str(data, "utf-16-le")
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


def first_tag(xml: str) -> str:
    """The name of the root element of text that we wrote; "" if it is none.
    """
    found = re.search(r"<([A-Za-z]\w*)", xml)
    return found[1] if found else ""


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
