"""An HTTP request as it came: read from a stream within limits, not judged.

Knows HTTP/1.1 as far as clients of management points use it (wire facts 1.1,
1.2); no message, no TLS.
"""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Callable, Optional

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from checks import Malformed, TooLarge
from spool import PIECE, Bytes, Spool

LINE_MAX = 64 << 10
FIELDS_MAX = 100
BODY_MAX = 256 << 20


@dataclass
class Peer:
    """Who is at the other end: what TLS proved, or nothing over HTTP."""
    version: Optional[str] = None
    cipher: Optional[str] = None
    certificate: Optional[x509.Certificate] = None
    # What Windows authentication knows of this connection (windows.py).
    challenge: bytes = b""
    context: Optional[Any] = None
    user: str = ""

    @property
    def tls(self) -> bool:
        return self.version is not None

    def described(self) -> Optional[dict[str, Optional[str]]]:
        if not self.tls:
            return None
        cert = self.certificate
        return {
            "version": self.version, "cipher": self.cipher,
            "subject": cert.subject.rfc4514_string() if cert else None,
            "sha1": cert.fingerprint(hashes.SHA1()).hex().upper()
            if cert else None}


@dataclass
class Request:
    method: str
    target: str
    version: str
    fields: list[tuple[str, str]]
    body: Bytes = b""
    encoded: bool = False  # had a Transfer-Encoding
    path: str = field(init=False)
    query: str = field(init=False)

    def __post_init__(self) -> None:
        path, _, query = self.target.partition("?")
        self.path = urllib.parse.unquote(path).lower()
        self.query = urllib.parse.unquote(query)

    def get(self, name: str) -> Optional[str]:
        """The value of a field, None if absent; the first of several."""
        for key, value in self.fields:
            if key.lower() == name.lower():
                return value
        return None

    def count(self, name: str) -> int:
        return sum(key.lower() == name.lower() for key, _ in self.fields)

    def host(self) -> str:
        """The host that the client called, without its port."""
        host = self.get("Host") or ""
        if host.startswith("["):
            return host[1:].partition("]")[0]
        return host.partition(":")[0]

    def keep_alive(self) -> bool:
        tokens = (self.get("Connection") or "").lower()
        return self.version == "HTTP/1.1" and "close" not in tokens


def read_line(stream: BinaryIO) -> bytes:
    line = stream.readline(LINE_MAX + 1)
    if len(line) > LINE_MAX:
        raise Malformed("a header line is longer than 64 KiB")
    if not line.endswith(b"\r\n"):
        raise Malformed("a header line does not end in CRLF")
    return line[:-2]


def read_fields(stream: BinaryIO) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    while True:
        line = read_line(stream)
        if not line:
            return fields
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise Malformed("a header line is not NAME: VALUE")
        fields.append((name.decode("latin-1"),
                       value.strip().decode("latin-1")))
        if len(fields) > FIELDS_MAX:
            raise Malformed("more than 100 header fields")


def read_exactly(stream: BinaryIO, size: int, spool: Spool) -> None:
    left = size
    while left:
        data = stream.read(min(left, PIECE))
        if not data:
            raise Malformed(f"the body ends after {size - left} of {size} "
                            "bytes")
        spool.add(data)
        left -= len(data)


def read_chunks(stream: BinaryIO, limit: int) -> Bytes:
    spool = Spool()
    while True:
        try:
            size = int(read_line(stream).partition(b";")[0], 16)
        except ValueError:
            raise Malformed("a chunk has no length") from None
        if size < 0:
            raise Malformed("a chunk has a negative length")
        if spool.size + size > limit:
            raise TooLarge(f"the body is longer than {limit} bytes")
        if size == 0:
            read_fields(stream)
            return spool.done()
        read_exactly(stream, size, spool)
        if read_line(stream):
            raise Malformed("a chunk does not end in CRLF")


def body_length(request: Request, limit: int) -> int:
    """What the head announces; 0 if nothing, or chunks."""
    length = request.get("Content-Length")
    if request.encoded or length is None:
        return 0
    if not length.isdecimal() or request.count("Content-Length") != 1:
        raise Malformed("Content-Length is not one number")
    if len(length) > 18 or int(length) > limit:
        raise TooLarge(f"the body of {length} bytes is longer than {limit}",
                       int(length))
    return int(length)


def read(stream: BinaryIO, go_on: Optional[Callable[[], None]] = None,
         limit: int = BODY_MAX) -> Optional[Request]:
    """The next request, None at the end of the stream. go_on is called where
    the client waits for "100 Continue"; a body over limit is not read."""
    first = stream.readline(LINE_MAX + 1)
    if not first:
        return None
    words = first.decode("latin-1").rstrip("\r\n").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed("the request line is not METHOD TARGET HTTP/1.x")
    request = Request(words[0], words[1], words[2], read_fields(stream))
    request.encoded = request.get("Transfer-Encoding") is not None
    waits = (request.get("Expect") or "").lower() == "100-continue"
    try:
        length = body_length(request, limit)
    except TooLarge as error:
        error.unread = 0 if waits else error.unread
        raise
    if go_on and waits:
        go_on()
    if request.encoded:
        request.body = read_chunks(stream, limit)
    else:
        spool = Spool()
        read_exactly(stream, length, spool)
        request.body = spool.done()
    return request
