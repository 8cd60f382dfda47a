"""Every way in which the test management point can be wrong, chosen by name.

Each mode spoils one step (text, seal, or what is sent) of an answer that is
right otherwise, so that a client that refuses it refuses it for that reason.
"""

from __future__ import annotations

import functools
import random
import re
import zlib
from typing import Optional, Sequence

import bomb
import certificates
import clients
import signature
import upload
import xmltext
from reply import Reply, Seal, html, page

SIGNED = ("registration", "assignments", "location")
KINDS = (*SIGNED, "policy", "document")
UPLOADS = (*upload.KINDS, "fsp")   # all of them, in MODE:upload
ANY = KINDS + UPLOADS
STATUSES = (401, 403, 404, 413, 500, 503)
# mode: (kinds that it can spoil, what it does)
MODES: dict[str, tuple[Sequence[str], str]] = {
    "wrong-signer": (SIGNED, "signed by another certificate of that name"),
    "embedded-signer": (SIGNED, "the same, and that certificate embedded"),
    "sha1": (SIGNED, "signed with SHA-1, as sites of 2007 do"),
    "no-hook": (SIGNED, "no authenticate hook"),
    "wrong-site": (SIGNED, "MPSiteCode of another site"),
    "wrong-host": (SIGNED, "AuthSenderMachine names other hosts"),
    "tampered-payload": (KINDS, "content changed after it was signed"),
    "bad-cms": (SIGNED + ("policy",), "signature or secret is broken CMS"),
    "foreign-recipient": (("policy",), "secret encrypted for someone else"),
    "zip-bomb": (SIGNED + ("policy",), "compressed content over 1 GiB"),
    "entity-bomb": (KINDS, "XML with exponential entities"),
    "external-entity": (KINDS, "XML with an entity from a file"),
    "deep-xml": (KINDS, "XML nested 100000 deep"),
    "not-xml": (KINDS, "text that is no XML"),
    "bad-status": (("registration",), "a Status that does not exist"),
    "wrong-smsid": (("registration",), "Confirmation of another SMSID"),
    "truncated": (KINDS, "half of the announced body, then closed"),
    "slow": (ANY, "one byte at a time"),
    "hanging": (ANY, "no answer at all"),
    "garbage": (ANY, "random bytes as the body"),
    "empty": (KINDS, "200 with an empty body"),
    "no-boundary": (KINDS, "multipart/mixed without a boundary"),
    "huge-header": (ANY, "a header field of 1 MiB"),
    "redirect": (ANY, "307 to /redirected of the same server"),
    "html": (ANY, "200 with an HTML page"),
    "other-kind": (KINDS, "a sound answer to another question"),
    # The hashes are in the assignments; a download shows that they are wrong.
    "wrong-policy-hash": (("hash",), "PolicyHash and PolicyHashEx of others"),
    **{f"http-{status}": (ANY, f"status {status} without a body")
       for status in STATUSES},
    **{f"http-{status}-body": (ANY, f"status {status} with an HTML page")
       for status in STATUSES},
}
DEPTH = 100000


@functools.lru_cache(maxsize=None)
def stranger(common: str) -> certificates.Pair:
    """A signer made by nobody whom the client knows."""
    return certificates.messaging(common, certificates.SMS_SIGNING)


@functools.lru_cache(maxsize=1)
def foreigner() -> certificates.Pair:
    return certificates.messaging("Another client",
                                  certificates.SMS_ENCRYPTION)


def into_root(xml: str, inner: str) -> str:
    """inner as the first content of the root element."""
    name = xmltext.first_tag(xml) or "x"
    spread = re.sub(rf"(<{name}\b[^<>]*?)/>", rf"\1></{name}>", xml, count=1)
    return re.sub(rf"<{name}\b[^<>]*>", lambda m: m[0] + inner, spread,
                  count=1)


def with_entities(xml: str, entities: str) -> str:
    body = re.sub(r"\A<\?xml[^>]*\?>", "", xml)
    return (f"<!DOCTYPE {xmltext.first_tag(body) or 'x'} [{entities}]>"
            + into_root(body, "&e;"))


def entity_bomb(xml: str) -> str:
    names = [f"e{i}" for i in range(30)] + ["e"]
    rows = '<!ENTITY e0 "aaaaaaaaaaaaaaaa">' + "".join(
        f'<!ENTITY {name} "&{before};&{before};">'
        for before, name in zip(names, names[1:]))
    return with_entities(xml, rows)


def external_entity(xml: str) -> str:
    return with_entities(xml, '<!ENTITY e SYSTEM "file:///etc/passwd">')


def deep_xml(xml: str) -> str:
    return into_root(xml, "<d>" * DEPTH + "</d>" * DEPTH)


def bad_status(xml: str) -> str:
    return re.sub(r' Status="\d+"', ' Status="77"', xml)


def wrong_smsid(xml: str) -> str:
    """A registration is told to be pending, so that a Confirmation follows
    even from a client that is known already."""
    if 'ResponseType="Confirmation"' not in xml:
        return xml.replace(' Status="0"', ' Status="1"')
    return re.sub(r'SMSID="[^"]*"', f'SMSID="{clients.new_smsid()}"', xml)


def other_kind(xml: str) -> str:
    """A registration is answered with policy, all else with a registration.
    """
    if xmltext.first_tag(xml) == "ClientRegistrationResponse":
        return xmltext.tag("ReplyAssignments", {
            "SchemaVersion": "1.00", "ReplyType": "Full"})
    return xmltext.tag("ClientRegistrationResponse", {
        "ResponseType": "Registration", "TimeStamp": "2026-11-23T00:00:00Z",
        "Status": "0", "SMSID": clients.new_smsid(), "ApprovalStatus": "1"})


TEXTS = {"other-kind": other_kind,
         "entity-bomb": entity_bomb, "external-entity": external_entity,
         "deep-xml": deep_xml, "bad-status": bad_status,
         "wrong-smsid": wrong_smsid,
         "not-xml": lambda xml: "There is no markup here; <<& neither."}


def recompress(payload: bytes) -> bytes:
    """Another text in a payload that still decompresses."""
    try:
        clear = zlib.decompress(payload)
    except zlib.error:
        return altered(payload)
    return zlib.compress(altered(clear))


def altered(data: bytes) -> bytes:
    """Some bytes changed, in the last value that is there to change."""
    for old, new in ((b"1", b"2"), (b"e", b"a")):
        at = data.rfind(old)
        if at >= 0:
            return data[:at] + new + data[at + 1:]
    return data[:-1] + bytes([data[-1] ^ 1]) if data else b"x"


def altered_binary(data: bytes) -> bytes:
    """The middle of a ciphertext changed; the DER around it stays."""
    at = len(data) * 3 // 4
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:]


class Misbehaviour:
    """The chosen modes: MODE, or MODE:KIND for one kind only."""

    def __init__(self, chosen: Sequence[str] = (), slow_ms: int = 200):
        self.chosen: list[tuple[str, Optional[str]]] = []
        self.slow_s = slow_ms / 1000
        for text in chosen:
            mode, _, kind = text.partition(":")
            if mode not in MODES:
                raise ValueError(f"no misbehaviour is called {mode!r}")
            if kind == "upload" and UPLOADS[0] in MODES[mode][0]:
                self.chosen += [(mode, name) for name in UPLOADS]
                continue
            if kind and kind not in MODES[mode][0]:
                raise ValueError(
                    f"{mode} does not apply to {kind!r}, only to "
                    + ", ".join(MODES[mode][0]))
            self.chosen.append((mode, kind or None))

    def has(self, mode: str, kind: str) -> bool:
        return any(m == mode and (k is None or k == kind)
                   and kind in MODES[m][0] for m, k in self.chosen)

    def active(self, kind: str) -> list[str]:
        return [mode for mode in MODES if self.has(mode, kind)]

    def text(self, kind: str, xml: str) -> str:
        """The content of an answer, before it is encoded."""
        for mode, spoil in TEXTS.items():
            if self.has(mode, kind):
                xml = spoil(xml)
        return xml

    def payload(self, kind: str, xml: str) -> Optional[bytes]:
        """A ready payload instead of the compressed text."""
        if not self.has("zip-bomb", kind):
            return None
        return bomb.element(xmltext.first_tag(xml))

    def seal(self, kind: str, seal: Seal, common: str) -> None:
        for mode in ("wrong-signer", "embedded-signer"):
            if self.has(mode, kind):
                seal.pair = stranger(common)
                seal.embed = mode == "embedded-signer"
        if self.has("sha1", kind):
            seal.digest = "sha1"
        if self.has("no-hook", kind):
            seal.hook = False
        if self.has("wrong-site", kind):
            seal.site = "ZZZ" if seal.site != "ZZZ" else "YYY"
        if self.has("wrong-host", kind):
            seal.senders = "MP9;mp9.elsewhere.test;"
        if self.has("bad-cms", kind):
            seal.cms = b"\x30\x82\x01\x00" + signature.DIGEST_INFO["sha256"]
        if self.has("tampered-payload", kind):
            seal.after = recompress

    def body(self, kind: str, data: bytes, binary: bool) -> bytes:
        """The body of a download, once it is made."""
        if self.has("tampered-payload", kind):
            return altered_binary(data) if binary else altered(data)
        if self.has("bad-cms", kind) and binary:
            return data[:20] + bytes(len(data) - 20)
        return data

    def reply(self, kind: str, reply: Reply) -> Reply:
        """What is sent at last."""
        for mode in self.active(kind):
            reply = spoil_reply(mode, reply, self.slow_s)
        return reply


def spoil_status(status: str, body: str = "") -> Reply:
    reply = page(int(status)) if body else Reply(int(status))
    if status == "401":
        reply.fields = [("WWW-Authenticate", "Negotiate"),
                        ("WWW-Authenticate", "NTLM")]
    return reply


def spoil_reply(mode: str, reply: Reply, slow_s: float) -> Reply:
    if mode.startswith("http-"):
        return spoil_status(*mode.split("-")[1:])
    if mode == "truncated":
        reply.send = len(reply.body) // 2
    elif mode == "slow":
        reply.drip_s = slow_s
    elif mode == "hanging":
        reply.hang = True
    elif mode == "garbage":
        reply.body = random.Random(7).randbytes(4096)
    elif mode == "empty":
        return Reply(what="empty")
    elif mode == "no-boundary":
        reply.content_type = "multipart/mixed"
    elif mode == "huge-header":
        reply.fields.append(("X-Filler", "x" * (1 << 20)))
    elif mode == "redirect":
        return Reply(307, fields=[("Location", "/redirected")],
                     what="redirect")
    elif mode == "html":
        return html(200, "An HTML page where a document should be.")
    return reply
