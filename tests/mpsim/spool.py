"""Bytes that may be many: kept in memory while they are few, in an unnamed
file that is mapped once they are more. Knows nothing of what they say.
"""

from __future__ import annotations

import mmap
import tempfile
from typing import BinaryIO, Optional, Union, cast

IN_MEMORY = 4 << 20
PIECE = 1 << 20
# What both have: find(), len() and slices.
Bytes = Union[bytes, mmap.mmap]


class Spool:
    """Takes bytes by add(); done() hands all of them out."""

    def __init__(self) -> None:
        self.size = 0
        self.few = bytearray()
        self.file: Optional[BinaryIO] = None

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self.file is None and self.size > IN_MEMORY:
            self.file = cast(BinaryIO, tempfile.TemporaryFile())
            self.file.write(self.few)
            self.few.clear()
        if self.file is None:
            self.few += data
        else:
            self.file.write(data)

    def done(self) -> Bytes:
        if self.file is None:
            return bytes(self.few)
        self.file.flush()
        with self.file:
            return mmap.mmap(self.file.fileno(), self.size,
                             access=mmap.ACCESS_READ)
