"""The two parts of a CCM_POST, every byte of their frame (wire facts 1.3),
and the same frame for replies (1.5). Knows nothing of what the parts say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Sequence

from checks import Malformed, Verdict
from request import Request
from spool import Bytes

BOUNDARY = "aAbBcCdDv1234567890VxXyYzZ"
CONTENT_TYPE = f'multipart/mixed; boundary="{BOUNDARY}"'
TEXT_PART = b"content-type: text/plain; charset=UTF-16"
DATA_PART = b"content-type: application/octet-stream"
PARTS_MAX = 16
USER_AGENT = "ConfigMgr Messaging HTTP Sender"


@dataclass
class Part:
    head: bytes
    content: memoryview


def boundary_of(content_type: str) -> str:
    found = re.search(r'(?i)multipart/mixed;.*\bboundary="?([^";\s]{1,70})',
                      content_type)
    if not found:
        raise Malformed("Content-Type is not multipart/mixed with a boundary")
    return found[1]


def check_fields(request: Request, verdict: Verdict) -> None:
    """The header fields of any request to a management point (1.2)."""
    verdict.equal("http.version", request.version, "HTTP/1.1")
    verdict.equal("http.user_agent", request.get("User-Agent"), USER_AGENT)
    verdict.check("http.host", request.count("Host") == 1
                  and bool(request.host()), "there must be one Host field")
    verdict.check("http.no_expect", request.get("Expect") is None,
                  "clients send no Expect field")


def check_post(request: Request, verdict: Verdict) -> None:
    check_fields(request, verdict)
    verdict.equal("http.content_type", request.get("Content-Type"),
                  CONTENT_TYPE)
    verdict.check("http.content_length", not request.encoded
                  and request.get("Content-Length") == str(len(request.body)),
                  "Content-Length must count exactly the body's bytes")


def check_get(request: Request, verdict: Verdict) -> None:
    """A download: no body, no type, braces encoded (1.2, 5.2)."""
    check_fields(request, verdict)
    verdict.check("http.no_body", not request.body
                  and request.get("Content-Type") is None,
                  "GET has neither a body nor a Content-Type")
    verdict.check("http.encoded", not set("{}<> ") & set(request.target),
                  "braces in the target must be percent-encoded")


def split(request: Request, verdict: Verdict) -> list[Part]:
    """The parts, whatever the boundary; deviations are recorded."""
    boundary = boundary_of(request.get("Content-Type") or "")
    verdict.equal("framing.boundary", boundary, BOUNDARY)
    data, view = request.body, memoryview(request.body)
    edge = b"--" + boundary.encode("latin-1")
    first = data[:len(edge)] == edge
    verdict.check("framing.no_preamble", first,
                  "the body must begin with the boundary")
    edge = b"\r\n" + edge
    at = len(edge) - 2 if first else after(data, edge, 0)
    parts: list[Part] = []
    while at >= 0:
        end = data.find(edge, at)
        if end < 0:
            break
        parts.append(part(data, view, at, end))
        if len(parts) > PARTS_MAX:
            raise Malformed(f"the body has more than {PARTS_MAX} parts")
        at = end + len(edge)
    if at < 0 or data[at:at + 2] != b"--":
        raise Malformed("the multipart body has no closing boundary")
    verdict.check("framing.no_epilogue", len(data) == at + 2,
                  "no byte may follow the closing boundary")
    return parts


def after(data: Bytes, edge: bytes, start: int) -> int:
    at = data.find(edge, start)
    return at if at < 0 else at + len(edge)


def part(data: Bytes, view: memoryview, at: int, end: int) -> Part:
    """What lies between two boundaries; at is behind the first."""
    empty = data.find(b"\r\n\r\n", at, end)
    if empty < 0 or data[at:at + 2] != b"\r\n":
        raise Malformed("a part has no header")
    return Part(data[at + 2:empty], view[empty + 4:end])


def check_parts(parts: Sequence[Part], verdict: Verdict) -> None:
    """A message has two parts, each with exactly one header line."""
    if len(parts) != 2:
        raise Malformed(f"the multipart body has {len(parts)} parts, not 2")
    verdict.check("framing.parts", True)
    verdict.equal("framing.text_part", parts[0].head, TEXT_PART)
    verdict.equal("framing.data_part", parts[1].head, DATA_PART)


def join(text: bytes, data: bytes) -> bytes:
    """The frame of a reply."""
    edge = b"--" + BOUNDARY.encode("ascii")
    return b"\r\n".join((edge, TEXT_PART, b"", text, edge, DATA_PART, b"",
                         data, edge + b"--"))


def join_one(text: bytes) -> bytes:
    """A reply of one part: the BITS pre-request's (wire facts 8.4)."""
    edge = b"--" + BOUNDARY.encode("ascii")
    return b"\r\n".join((edge, TEXT_PART, b"", text, edge + b"--"))
