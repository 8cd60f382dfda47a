"""Policy assignments: the request, and the list of this site's policies (wire
facts 5.1, 5.2). Knows no envelope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import auth
import policy
import signature
import xmltext
from checks import Malformed, Unbelieved
from clients import Client
from policy import Policy

if TYPE_CHECKING:
    from point import Exchange

COOKIE = "2026-11-23 00:00:00.000"
RSA_SHA256 = "1.2.840.113549.1.1.11"
CALG_SHA_256 = "32780"


def answer(ex: Exchange) -> str:
    """The ReplyAssignments."""
    signer = auth.check_message(ex.message, ex.payload, ex.point.registry,
                                ex.peer, ex.verdict)
    ex.verdict.equal("msg.reply_mode", ex.message.get("ReplyMode"), "Sync")
    root = xmltext.parse(ex.payload.body, "the assignment request")
    if root.tag != "RequestAssignments":
        raise Malformed("the body is not RequestAssignments")
    client = identified(ex, root, signer)
    check_request(ex, root)
    return listing(ex, client)


def identified(ex: Exchange, root: xmltext.Element, signer: Client) -> Client:
    """The client that the body names: the signer, or one that it manages."""
    machine = root.find("Identification/Machine")
    smsid = xmltext.child_text(machine, "ClientID") or ""
    client = ex.point.registry.find(smsid)
    managed = client is not None and client.confirmed and (
        client.smsid == signer.smsid or client.proxy == signer.smsid)
    if not ex.verdict.check("assignments.client", managed,
                            f"ClientID {smsid!r} is not the signer's"):
        raise Unbelieved(f"ClientID {smsid!r} is not the signer's")
    assert client is not None
    return client


def check_request(ex: Exchange, root: xmltext.Element) -> None:
    check, equal = ex.verdict.check, ex.verdict.equal
    equal("assignments.schema", root.get("SchemaVersion"), "1.00")
    kind = xmltext.attribute(root, "RequestType")
    check("assignments.request_type", kind in ("Always", "Full", "OnUpdate"),
          f"RequestType is {kind!r}")
    ack = xmltext.attribute(root, "ACK")
    check("assignments.ack", (ack or "").lower() in ("true", "false"),
          f"ACK is {ack!r}")
    asked = xmltext.attribute(root, "ValidationRequested",
                              "ValidationRequest")
    check("assignments.validation", asked in (None, "CRC"),
          f"ValidationRequested is {asked!r}")
    machine = root.find("Identification/Machine")
    have = xmltext.names(machine) if machine is not None else []
    check("assignments.machine",
          sorted(have) == ["ClientID", "FQDN", "NetBIOSName", "SID"]
          and bool(xmltext.child_text(machine, "FQDN"))
          and bool(xmltext.child_text(machine, "NetBIOSName")),
          f"Machine has {have}, or an empty name")
    equal("assignments.source", xmltext.child_text(root, "PolicySource"),
          "SMS:" + ex.point.site)
    resource = root.find("Resource")
    kind_of = resource.get("ResourceType") if resource is not None else None
    check("assignments.resource", kind_of in ("Machine", "User"),
          f"ResourceType is {kind_of!r}")
    cookie = xmltext.child_text(root, "ServerCookie")
    check("assignments.cookie", cookie is not None
          and (bool(cookie) or kind != "OnUpdate"),
          "ServerCookie is missing, or empty in an update")


def assignment(ex: Exchange, item: Policy) -> str:
    site = ex.point.site
    url = f"http://<mp>/SMS_MP/.sms_pol?{policy.location(item, site)}"
    place = xmltext.tag("PolicyLocation", {
        "PolicyHash": "SHA1:" + policy.digest(item, site, "sha1"),
        "PolicyHashEx": "SHA256:" + policy.digest(item, site, "sha256")},
        f"<![CDATA[{url}]]>")
    condition = xmltext.tag("Condition", {}, xmltext.tag(
        "Expression", {"ExpressionLanguage": "WQL",
                       "ExpressionType": "until-true"},
        xmltext.escape("select * from CCM_Client where 1 < 2")))
    return xmltext.tag(
        "PolicyAssignment", {"PolicyAssignmentID": item.assignment},
        condition, xmltext.tag(
            "Policy", {"PolicyID": item.id, "PolicyVersion": item.version,
                       "PolicyType": "Machine",
                       "PolicyCategory": item.category,
                       "PolicyFlags": str(item.flags)}, place))


def reference(ex: Exchange, item: Policy, text: str) -> str:
    """The site's signature of one assignment. Its byte range is not known
    (wire facts 5.5, 12 unknown 1); ours covers the element's UTF-16."""
    value = signature.sign(ex.point.store.site.key, signature.u16(text))
    return xmltext.tag(
        "Reference", {"PolicyAssignmentID": item.assignment},
        xmltext.tag("SignatureAlgorithm", {"AlgID": CALG_SHA_256},
                    RSA_SHA256),
        xmltext.tag("SignatureValue", {}, value))


def listing(ex: Exchange, client: Client) -> str:
    texts = [assignment(ex, item) for item in ex.point.policies]
    references = [reference(ex, item, text)
                  for item, text in zip(ex.point.policies, texts)]
    machine = xmltext.tag(
        "Machine", {}, xmltext.tag("ClientID", {}, client.smsid),
        xmltext.tag("FQDN", {}), xmltext.tag(
            "NetBIOSName", {}, xmltext.escape(client.netbios)),
        xmltext.tag("SID", {}))
    return xmltext.tag(
        "ReplyAssignments", {"SchemaVersion": "1.00", "ReplyType": "Full"},
        xmltext.tag("Identification", {}, machine, xmltext.tag("User", {})),
        xmltext.tag("PolicySource", {}, "SMS:" + ex.point.site),
        xmltext.tag("Resource", {"ResourceType": "Machine"}),
        xmltext.tag("ServerCookie", {}, COOKIE),
        xmltext.tag("Signature", {}, *references), *texts)
