"""What clients send and expect no answer to: inventory, discovery, state,
status (wire facts 8). Checked as far as envelope, identity and report header
go; the reply is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import auth
import framing
import reply
import signature
import xmltext
from checks import Malformed
from message import GUID

if TYPE_CHECKING:
    from point import Exchange

FILE_TYPES = ("SMX", "SWM")


@dataclass(frozen=True)
class Rule:
    kind: str
    root: str
    signed: Optional[bool]        # None: as the client likes
    attachment: Optional[bool]


RULES = {
    "MP_DdrEndpoint": Rule("ddr", "Report", True, True),
    "MP_HinvEndpoint": Rule("hinv", "Report", True, True),
    "MP_SinvEndpoint": Rule("sinv", "Report", True, True),
    "MP_RelayEndpoint": Rule("relay", "Report", None, None),
    "StatusReceiver": Rule("status", "Status", True, False),
}


def answer(ex: Exchange) -> None:
    rule = RULES[ex.message.endpoint]
    verdict = ex.verdict
    if rule.signed or ex.message.hook("clientauth"):
        auth.check_message(ex.message, ex.payload, ex.point.registry, ex.peer,
                           verdict)
    verdict.equal("msg.reply_mode", ex.message.get("ReplyMode"), "Async")
    root = xmltext.parse(ex.payload.body, "the upload")
    if root.tag != rule.root:
        raise Malformed(f"the body is {root.tag}, not {rule.root}")
    has = bool(ex.payload.attachments)
    verdict.check("upload.attachment", rule.attachment in (None, has),
                  "an attachment is missing or unexpected")
    if rule.kind == "relay":
        check_relay(ex, root)
    if rule.root == "Report":
        check_report(ex, root)


def check_relay(ex: Exchange, root: xmltext.Element) -> None:
    """State and metering say what they are (wire facts 8.3)."""
    prop = ex.message.root.find("Property[@Name='FileType']")
    value = prop.get("Value") if prop is not None else None
    ex.verdict.check("upload.file_type", value in FILE_TYPES,
                     f"FileType is {value!r}")
    if value == "SMX":
        ex.verdict.equal("upload.content", root.findtext(
            "ReportHeader/ReportDetails/ReportContent"), "State Message Data")


def check_report(ex: Exchange, root: xmltext.Element) -> None:
    """The header names a client; its copy has an empty body (8.2)."""
    header = root.find("ReportHeader")
    smsid = root.findtext("ReportHeader/Identification/Machine/ClientID")
    ex.verdict.client_id = ex.verdict.client_id or smsid
    ex.verdict.check("upload.header", header is not None and bool(smsid)
                     and header.find("ReportDetails") is not None,
                     "ReportHeader lacks ClientID or ReportDetails")
    body = root.find("ReportBody")
    ex.verdict.check("upload.body", body is not None
                     and (len(body) == 0) == bool(ex.payload.attachments),
                     "ReportBody must be empty where a report is attached")


def answer_bits(ex: Exchange, text: str) -> reply.Reply:
    """The pre-request of a large upload: one part (wire facts 8.4)."""
    root = xmltext.parse(text, "the upload request")
    if root.tag != "UploadRequest":
        raise Malformed(f"the single part is {root.tag}, not UploadRequest")
    name = xmltext.child_text(root, "MessageID") or ""
    ex.verdict.check("upload.message_id", bool(GUID.match(name)),
                     f"MessageID is {name!r}")
    host = ex.point.called(ex.request)
    scheme = "https" if ex.peer.tls else "http"
    xml = xmltext.tag(
        "UploadReply", {}, xmltext.tag("Host", {}, xmltext.escape(host)),
        xmltext.tag("URL", {}, f"{scheme}://{host}/CCM_Incoming/{name}"))
    data = b"\xff\xfe" + signature.u16z(xml)
    return reply.Reply(200, framing.CONTENT_TYPE, framing.join_one(data),
                       what="upload reply")


def answer_fsp(ex: Exchange) -> reply.Reply:
    """A state message to the fallback status point: raw 8-bit XML (8.3)."""
    ex.verdict.check("upload.no_declaration",
                     not ex.request.body.startswith(b"<?xml"),
                     "the report has no XML declaration")
    try:
        text = ex.request.body.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the report is not 8-bit text") from None
    root = xmltext.parse(text, "the report")
    client = root.find("ReportHeader/Identification/Machine/ClientID")
    ex.verdict.check("upload.client_id", client is not None
                     and client.attrib == {"IDFlag": "0", "IDType": "1"},
                     'ClientID must have IDFlag="0" IDType="1"')
    ex.verdict.client_id = client.text if client is not None else None
    return reply.Reply(200, what="empty")
