"""The <Msg> envelope of a request: parsed in any order, checked element by
element (wire facts 2). Knows no payload and no key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Optional, Union

import xmltext
from checks import Malformed, Verdict

GUID = re.compile(r"\A\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}\Z")
TIME = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
NO_GUID = "{00000000-0000-0000-0000-000000000000}"
MSG_MAX = 16 << 20
ATTACHMENTS_MAX = 10000
REQUIRED = ("Body", "CorrelationID", "Hooks", "ID", "Payload", "Priority",
            "Protocol", "ReplyMode", "ReplyTo", "SentTime", "SourceHost",
            "TargetAddress", "TargetEndpoint", "TargetHost", "Timeout")
OPTIONAL = ("ReplyCapabilities", "ReqVersion", "SourceID", "SourceType")
REPEATED = ("Attachment", "Property")
# Hook elements by name, in the order of an upload that has them all.
HOOKS = {"clientauth": "Hook2", "zlib-compress": "Hook3", "encrypt": "Hook2"}


@dataclass
class Hook:
    element: str
    name: str
    properties: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> Optional[str]:
        for key, value in self.properties:
            if key == name:
                return value
        return None


@dataclass
class Attachment:
    name: str
    offset: int
    length: int


@dataclass
class Message:
    root: xmltext.Element
    hooks: list[Hook]
    body_length: Optional[int]
    attachments: list[Attachment]

    def get(self, name: str) -> Optional[str]:
        return xmltext.child_text(self.root, name)

    def hook(self, name: str) -> Optional[Hook]:
        for hook in self.hooks:
            if hook.name == name:
                return hook
        return None

    @property
    def endpoint(self) -> str:
        return self.get("TargetEndpoint") or ""

    @property
    def wants_zlib(self) -> bool:
        return self.root.get("ReplyCompression") == "zlib"


def number(text: Optional[str]) -> Optional[int]:
    if text is None or not text.isdecimal() or len(text) > 10:
        return None
    return int(text)


def read_attachments(root: xmltext.Element) -> list[Attachment]:
    """De-duplicated by name; the one without Type counts (wire facts 8.1)."""
    found: dict[str, Attachment] = {}
    elements = root.findall("Attachment")
    if len(elements) > ATTACHMENTS_MAX:
        raise Malformed(f"more than {ATTACHMENTS_MAX} attachments")
    for element in elements:
        offset = number(element.get("Offset"))
        length = number(element.get("Length"))
        if offset is None or length is None:
            raise Malformed("an Attachment has no Offset or Length")
        name = element.get("Name") or ""
        if name not in found or element.get("Type") is None:
            found[name] = Attachment(name, offset, length)
    return sorted(found.values(), key=lambda a: (a.offset, a.length))


def check_attachments(root: xmltext.Element, verdict: Verdict) -> None:
    """Announced once each; or twice, as the SDK does: first with a Type and
    no offset, then where it is (wire facts 8.1)."""
    told: dict[str, list[xmltext.Element]] = {}
    for element in root.findall("Attachment"):
        told.setdefault(element.get("Name") or "", []).append(element)
        odd = set(element.attrib) - {"Type", "Length", "Name", "Offset"}
        verdict.check("msg.attachments", not odd and bool(element.get("Name"))
                      and element.get("Type") in (None, "ByteRange"),
                      f"attributes of an Attachment are {element.attrib}")
    for name, elements in told.items():
        twice = len(elements) == 2 and [
            (e.get("Type"), e.get("Length"), e.get("Offset") == "0")
            for e in elements] == [
                ("ByteRange", elements[0].get("Length"), True),
                (None, elements[0].get("Length"), False)]
        verdict.check("msg.attachments", len(elements) == 1 or twice,
                      f"attachment {name!r} is announced {len(elements)} "
                      "times")


def read_hooks(root: xmltext.Element) -> list[Hook]:
    hooks = []
    for element in root.findall("Hooks/*"):
        hook = Hook(element.tag, element.get("Name") or "")
        for prop in element.findall("Property"):
            hook.properties.append((prop.get("Name") or "", prop.text or ""))
        hooks.append(hook)
    return hooks


def parse(content: Union[bytes, memoryview], verdict: Verdict) -> Message:
    """The message in part 0; Malformed if it cannot be read."""
    if len(content) > MSG_MAX:
        raise Malformed(f"the Msg part is longer than {MSG_MAX} bytes")
    text = xmltext.decode(content, "the Msg part")
    verdict.check("msg.bom", text.startswith(xmltext.BOM),
                  "the Msg part must begin with FF FE")
    text = text.removeprefix(xmltext.BOM)
    verdict.check("msg.no_nul", "\0" not in text,
                  "the Msg part must not hold a NUL")
    text = text.rstrip("\0")
    verdict.check("msg.no_declaration", not text.startswith("<?xml"),
                  "Msg has no XML declaration")
    root = xmltext.parse(text, "the Msg part")
    if root.tag != "Msg":
        raise Malformed(f"the first part is {root.tag}, not Msg")
    body = root.find("Body")
    message = Message(root, read_hooks(root),
                      number(body.get("Length")) if body is not None else None,
                      read_attachments(root))
    check_elements(message, verdict)
    return message


def check_elements(message: Message, verdict: Verdict) -> None:
    root = message.root
    verdict.check("msg.attributes", root.get("SchemaVersion") == "1.1"
                  and set(root.attrib) <= {"SchemaVersion", "ReplyCompression"}
                  and root.get("ReplyCompression") in (None, "zlib", "none"),
                  f"attributes of Msg are {root.attrib}")
    tags = xmltext.names(root)
    missing = [name for name in REQUIRED if name not in tags]
    verdict.check("msg.required", not missing, f"missing: {missing}")
    odd = set(tags) - set(REQUIRED) - set(OPTIONAL) - set(REPEATED)
    verdict.check("msg.known", not odd, f"unknown: {sorted(odd)}")
    twice = {name for name in tags
             if tags.count(name) > 1 and name not in REPEATED}
    verdict.check("msg.once", not twice, f"repeated: {sorted(twice)}")
    check_values(message, verdict)
    check_body(root.find("Body"), verdict)
    check_attachments(root, verdict)
    check_hooks(message, verdict)


def check_values(message: Message, verdict: Verdict) -> None:
    def get(name: str) -> str:
        return message.get(name) or ""

    verdict.check("msg.id", bool(GUID.match(get("ID"))),
                  f"ID is {get('ID')!r}, expected an upper-case {{GUID}}")
    verdict.equal("msg.correlation_id", get("CorrelationID"), NO_GUID)
    verdict.check("msg.sent_time", bool(TIME.match(get("SentTime"))),
                  f"SentTime is {get('SentTime')!r}")
    verdict.check("msg.timeout", (number(get("Timeout")) or 0) > 0,
                  f"Timeout is {get('Timeout')!r}")
    verdict.equal("msg.priority", get("Priority"), "0")
    verdict.equal("msg.protocol", get("Protocol"), "http")
    verdict.check("msg.source_host", bool(re.match(
        r"\A[^\s.:;/\\]{1,15}\Z", get("SourceHost"))),
        f"SourceHost is {get('SourceHost')!r}, expected a NetBIOS name")
    verdict.check("msg.reply_to", bool(re.match(
        r"\Adirect:[^:]+:[^:]+\Z", get("ReplyTo"))),
        f"ReplyTo is {get('ReplyTo')!r}")
    endpoint = message.endpoint
    verdict.check("msg.target_address", bool(endpoint) and get(
        "TargetAddress") in (f"mp:{endpoint}", f"mp:[http]{endpoint}"),
        f"TargetAddress is {get('TargetAddress')!r}")
    payload = message.root.find("Payload")
    verdict.check("msg.payload", payload is not None
                  and payload.attrib == {"Type": "inline"},
                  "Payload must be of Type inline")


def check_body(body: Optional[xmltext.Element], verdict: Verdict) -> None:
    verdict.check("msg.body", body is not None
                  and set(body.attrib) == {"Type", "Length", "Offset"}
                  and body.get("Type") == "ByteRange"
                  and body.get("Offset") == "0"
                  and number(body.get("Length")) is not None,
                  'Body must be Type="ByteRange" Length="n" Offset="0"')


def check_hooks(message: Message, verdict: Verdict) -> None:
    names = [hook.name for hook in message.hooks]
    right = all(HOOKS.get(h.name) == h.element for h in message.hooks)
    verdict.check("msg.hooks", right and len(names) == len(set(names)),
                  f"hooks are {[(h.element, h.name) for h in message.hooks]}")
    order = [name for name in HOOKS if name in names]
    verdict.check("msg.hook_order", names == order,
                  f"hooks are {names}, expected order is {order}")
    for hook in message.hooks:
        if hook.name != "clientauth":
            verdict.check("msg.hook_properties", not hook.properties,
                          f"{hook.name} has no properties")


def check_target(message: Message, host: str, verdict: Verdict) -> None:
    """TargetHost is the host that was called, without port (wire facts 2)."""
    verdict.check("msg.target_host",
                  (message.get("TargetHost") or "").lower() == host.lower(),
                  f"TargetHost is {message.get('TargetHost')!r}, the request "
                  f"went to {host!r}")
