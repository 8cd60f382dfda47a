"""DER, as much of it as CMS needs: a writer and a bounded reader.

Knows tags and lengths; what they mean is cms.py's business.
"""

from __future__ import annotations

from typing import Union

SEQUENCE = 0x30
SET = 0x31
OCTETS = 0x04
NULL = b"\x05\x00"


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element of the given tag around the joined parts."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    """A SET OF, its members in DER's order."""
    return tlv(SET, *sorted(parts))


def octets(content: bytes) -> bytes:
    return tlv(OCTETS, content)


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    arcs = [int(arc) for arc in dotted.split(".")]
    out = bytearray()
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        septets = [arc & 0x7F]
        while arc > 0x7F:
            arc >>= 7
            septets.append(0x80 | (arc & 0x7F))
        out += bytes(reversed(septets))
    return tlv(0x06, bytes(out))


class Reader:
    """Reads one element after the other; ValueError past the end. Nothing is
    copied: what it gives are views."""

    def __init__(self, data: Union[bytes, memoryview]):
        self.data = memoryview(data)
        self.at = 0

    def more(self) -> bool:
        return self.at < len(self.data)

    def peek(self) -> int:
        if not self.more():
            raise ValueError("DER ends too early")
        return self.data[self.at]

    def element(self, *wanted: int) -> tuple[int, memoryview, memoryview]:
        """(tag, content, whole encoding) of the next element."""
        start = self.at
        tag = self.peek()
        if wanted and tag not in wanted:
            raise ValueError(f"DER tag {tag:#x} at {start} is not expected")
        if start + 2 > len(self.data):
            raise ValueError("DER ends in a length")
        size = self.data[start + 1]
        begin = start + 2
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 4 or begin + count > len(self.data):
                raise ValueError("DER length is not definite and short")
            size = int.from_bytes(self.data[begin:begin + count], "big")
            begin += count
        if begin + size > len(self.data):
            raise ValueError("DER element is longer than its data")
        self.at = begin + size
        return tag, self.data[begin:self.at], self.data[start:self.at]

    def inside(self, *wanted: int) -> Reader:
        """A reader of the next element's content."""
        return Reader(self.element(*wanted)[1])
