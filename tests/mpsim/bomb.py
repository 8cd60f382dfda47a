"""A zlib stream of a few kilobytes that expands to more than a gigabyte. Made
from one compressed block that is repeated, so that making it costs no memory.
"""

from __future__ import annotations

import functools
import zlib

BLOCK = 1 << 20
BLOCKS = 1100


def stream(head: bytes, filler: bytes, tail: bytes) -> bytes:
    """zlib of head, over 1 GiB of filler, tail."""
    block = filler * (BLOCK // len(filler))
    begin = raw(head, zlib.Z_FULL_FLUSH)
    middle = raw(block, zlib.Z_FULL_FLUSH)
    end = raw(tail, zlib.Z_FINISH)
    check = zlib.adler32(head)
    for _ in range(BLOCKS):
        check = zlib.adler32(block, check)
    check = zlib.adler32(tail, check)
    return (b"\x78\x9c" + begin + middle * BLOCKS + end
            + check.to_bytes(4, "big"))


def raw(data: bytes, flush: int) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(data) + deflate.flush(flush)


@functools.lru_cache(maxsize=8)
def element(name: str) -> bytes:
    """The stream of one UTF-16 XML element full of spaces."""
    return stream(b"\xff\xfe" + f"<{name}>".encode("utf-16-le"), b" \0",
                  f"</{name}>\0".encode("utf-16-le"))
