"""Replies as bytes: an HTTP reply and how it is to be sent, and the sealing
of a message reply: compressed, signed with the MP's key, framed (wire facts
1.5, 6.3). Knows no kind of message.
"""

from __future__ import annotations

import datetime
import uuid
import zlib
from dataclasses import dataclass, field
from typing import Callable, Optional

import cms
import framing
import signature
import xmltext
from certificates import Pair
from message import Message

REASONS = {200: "OK", 307: "Temporary Redirect", 400: "Bad Request",
           401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           405: "Method Not Allowed", 413: "Request Entity Too Large",
           500: "Internal Server Error",
           503: "Service Unavailable"}
MARK = b"\xff\xfe"


@dataclass
class Reply:
    """What is sent, and how badly."""
    status: int = 200
    content_type: Optional[str] = None
    body: bytes = b""
    what: str = "empty"
    fields: list[tuple[str, str]] = field(default_factory=list)
    send: Optional[int] = None  # bytes of the body to send, then close
    drip_s: float = 0.0         # pause after every byte
    hang: bool = False          # never answer

    def head(self, close: bool) -> bytes:
        lines = [f"HTTP/1.1 {self.status} "
                 f"{REASONS.get(self.status, 'Unknown')}"]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        lines.append(f"Content-Length: {len(self.body)}")
        lines += [f"{name}: {value}" for name, value in self.fields]
        lines.append("Connection: close" if close
                     else "Connection: Keep-Alive")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def html(status: int, text: str) -> Reply:
    return Reply(status, "text/html",
                 f"<HTML><BODY>{text}</BODY></HTML>".encode("ascii"),
                 what="html")


def page(status: int) -> Reply:
    """An error as a web server words it."""
    reason = f"{status} - {REASONS.get(status, 'Unknown')}"
    return Reply(status, "text/html", (
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 4.01//EN\">\r\n<HTML>"
        f"<HEAD><TITLE>{reason}</TITLE></HEAD>\r\n<BODY><h2>Server Error"
        f"</h2>\r\n<h3>{reason}</h3>\r\n<p>The request &amp; its body "
        "were not processed.</p></BODY></HTML>\r\n").encode("ascii"),
        what="html")


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Seal:
    """How a reply is signed; misbehave.py changes one of these."""
    pair: Pair
    site: str
    senders: str                # "MP1;mp1.dom;"
    digest: str = "sha256"
    attributes: bool = True
    embed: bool = True
    hook: bool = True
    cms: Optional[bytes] = None  # instead of a signature
    after: Optional[Callable[[bytes], bytes]] = None  # once it is signed

    def signature(self, payload: bytes) -> bytes:
        if self.cms is not None:
            return self.cms
        return cms.signed(payload, self.pair.cert, self.pair.key,
                          self.digest, self.attributes,
                          self.pair.cert if self.embed else None)

    def hook_text(self, payload: bytes) -> str:
        if not self.hook:
            return ""
        value = self.signature(payload).hex().upper()
        return xmltext.tag(
            "Hook", {"Name": "authenticate"},
            xmltext.tag("Property", {"Name": "Signature"}, value),
            xmltext.tag("Property", {"Name": "MPSiteCode"}, self.site),
            xmltext.tag("Property", {"Name": "AuthSenderMachine"},
                        xmltext.escape(self.senders)))


def envelope(request: Message, length: int, hooks: str) -> str:
    """The reply's Msg, in the order of the recorded ones."""
    def element(name: str, text: str) -> str:
        return f"<{name}>{xmltext.escape(text)}</{name}>"

    reply_to = request.get("ReplyTo") or ""
    return xmltext.tag(
        "Msg", {"SchemaVersion": "1.1"},
        element("ID", "{" + str(uuid.uuid4()).upper() + "}"),
        element("SourceHost", "MP1"),
        element("TargetAddress", reply_to),
        element("ReplyTo", request.endpoint),
        element("CorrelationID", request.get("ID") or ""),
        element("Priority", "0"), element("Timeout", "600"),
        element("SentTime", now()),
        xmltext.tag("Body", {"Type": "ByteRange", "Offset": "0",
                             "Length": str(length)}),
        f"<Hooks>{hooks}</Hooks>",
        xmltext.tag("Payload", {"Type": "inline"}),
        element("TargetHost", request.get("SourceHost") or ""),
        element("TargetEndpoint", reply_to.rpartition(":")[2]),
        element("ReplyMode", "Sync"), element("Protocol", "http"))


def sealed(request: Message, xml: str, seal: Seal,
           payload: Optional[bytes] = None) -> Reply:
    """The reply to a message. payload, if given, is the compressed form
    already. Body/@Length counts the bytes as sent (wire facts 6.3, 5)."""
    clear = MARK + signature.u16z(xml)
    hooks = ""
    if payload is None:
        payload = zlib.compress(clear) if request.wants_zlib else clear
    if request.wants_zlib:
        hooks = '<Hook3 Name="zlib-compress"/>'
    hooks = seal.hook_text(payload) + hooks
    if seal.after:
        payload = seal.after(payload)
    text = MARK + signature.u16(envelope(request, len(payload), hooks))
    return Reply(200, framing.CONTENT_TYPE, framing.join(text, payload),
                 what="message")
