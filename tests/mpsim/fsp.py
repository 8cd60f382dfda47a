"""The fallback status point: a state message as raw 8-bit XML, unsigned and
in no frame (wire facts 8.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import framing
import reply
import state
from checks import Malformed

if TYPE_CHECKING:
    from point import Exchange

REPORT_MAX = 16 << 20


class Reader(state.Reader):
    kind = "fsp"
    id_attributes = {"IDFlag": "0", "IDType": "1"}


def answer(ex: Exchange) -> reply.Reply:
    request, verdict = ex.request, ex.verdict
    framing.check_fields(request, verdict)
    verdict.check("http.content_type", request.get("Content-Type") in (
        None, "text/xml"), f"Content-Type is "
        f"{request.get('Content-Type')!r}")
    if len(request.body) > REPORT_MAX:
        raise Malformed(f"the report is longer than {REPORT_MAX} bytes")
    body = request.body[:]
    verdict.check("fsp.no_declaration", not body.startswith(b"<?xml"),
                  "the report has no XML declaration")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the report is not 8-bit text") from None
    Reader(ex).read(text, None)
    return reply.Reply(200, what="empty")
