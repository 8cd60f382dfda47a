"""The pre-request of a large upload: a message of one part (wire facts 8.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import framing
import reply
import signature
import xmltext
from checks import Malformed
from message import GUID

if TYPE_CHECKING:
    from point import Exchange


def answer(ex: Exchange, text: str) -> reply.Reply:
    root = xmltext.parse(text, "the upload request")
    if root.tag != "UploadRequest":
        raise Malformed(f"the single part is {root.tag}, not UploadRequest")
    ex.verdict.check("bits.schema", set(root.attrib) == {"NetworkType"}
                     and root.get("NetworkType") in ("Intranet", "Internet")
                     and xmltext.names(root) == ["MessageID"],
                     f"UploadRequest is {root.attrib}, holds "
                     f"{xmltext.names(root)}")
    name = xmltext.child_text(root, "MessageID") or ""
    ex.verdict.check("bits.message_id", bool(GUID.match(name)),
                     f"MessageID is {name!r}")
    host = ex.point.called(ex.request)
    scheme = "https" if ex.peer.tls else "http"
    xml = xmltext.tag(
        "UploadReply", {}, xmltext.tag("Host", {}, xmltext.escape(host)),
        xmltext.tag("URL", {}, f"{scheme}://{host}/CCM_Incoming/"
                    + xmltext.escape(name)))
    data = b"\xff\xfe" + signature.u16z(xml)
    return reply.Reply(200, framing.CONTENT_TYPE, framing.join_one(data),
                       what="upload reply")
