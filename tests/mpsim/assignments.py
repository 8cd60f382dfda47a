"""Policy assignments: the request, and the list of this site's policies (wire
facts 5.1, 5.2). Knows no envelope.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Optional

import auth
import policy
import signature
import xmltext
from checks import Malformed, Unbelieved
from clients import Client
from policy import Policy

if TYPE_CHECKING:
    from point import Exchange

# What a full answer is told, and an update: between the two, some policies
# change (their attribute changed), so that a first update is not empty.
COOKIE = "2026-11-22 00:00:00.000"
UPDATED = "2026-11-23 00:00:00.000"
COOKIE_FORM = re.compile(
    r"\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\Z")
SID = re.compile(r"\AS-1(-\d{1,10}){2,15}\Z")
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
    return listing(ex, root, client)


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
    check_user(ex, root.find("Identification/User"), kind_of == "User")
    cookie = xmltext.child_text(root, "ServerCookie")
    check("assignments.cookie", cookie is not None
          and (bool(COOKIE_FORM.match(cookie)) if kind == "OnUpdate"
               else cookie == "" or bool(COOKIE_FORM.match(cookie))),
          f"ServerCookie is {cookie!r}")


def check_user(ex: Exchange, user: Optional[xmltext.Element],
               needed: bool) -> None:
    """A user's policy needs the user, too (SDK facts 4.3)."""
    check = ex.verdict.check
    if user is None or not len(user):
        check("assignments.user", not needed, "there is no User")
        return
    have = xmltext.names(user)
    check("assignments.user", sorted(have) in (
        ["NT4UserName", "SID"], ["NT4UserName", "SID", "UserGroups"])
        and bool(re.match(r"\A[^\\]+\\[^\\]+\Z", xmltext.child_text(
            user, "NT4UserName") or "")),
        f"User holds {have}, or NT4UserName is not DOMAIN\\NAME")
    sids = [user.find("SID"), *user.findall("UserGroups/*")]
    for sid in sids:
        check("assignments.sid", sid is not None and sid.tag == "SID"
              and bool(SID.match(sid.text or "")),
              f"a SID is {sid.text if sid is not None else None!r}")


def assignment(ex: Exchange, item: Policy) -> str:
    site = ex.point.site
    url = f"http://<mp>/SMS_MP/.sms_pol?{policy.location(item, site)}"
    hashes = policy.hashes_of(item, site)
    if ex.point.misbehaviour.has("wrong-policy-hash", "hash"):
        ex.verdict.notes["misbehaviour"] = "wrong-policy-hash"
        hashes = {name: value[:-4] + ("0000" if value[-4:] != "0000"
                                      else "1111")
                  for name, value in hashes.items()}
    place = xmltext.tag("PolicyLocation", hashes, f"<![CDATA[{url}]]>")
    condition = xmltext.tag("Condition", {}, xmltext.tag(
        "Expression", {"ExpressionLanguage": "WQL",
                       "ExpressionType": "until-true"},
        xmltext.escape("select * from CCM_Client where 1 < 2")))
    return xmltext.tag(
        "PolicyAssignment", {"PolicyAssignmentID": item.assignment},
        condition, xmltext.tag(
            "Policy", {"PolicyID": item.id, "PolicyVersion": item.version,
                       "PolicyType": item.type,
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


def chosen(ex: Exchange, root: xmltext.Element) -> tuple[list[Policy], str]:
    """The policies that the answer lists, and its ReplyType: in an update,
    those that changed since the cookie."""
    resource = root.find("Resource")
    user = resource is not None and resource.get("ResourceType") == "User"
    items = [p for p in ex.point.policies if p.for_user == user]
    cookie = xmltext.child_text(root, "ServerCookie") or ""
    if xmltext.attribute(root, "RequestType") != "OnUpdate" \
            or not COOKIE_FORM.match(cookie):
        return items, "Full"
    return [p for p in items if p.changed > cookie], "Delta"


def echoed(root: xmltext.Element) -> str:
    """The User of the request, without its groups."""
    user = root.find("Identification/User")
    rows = [xmltext.tag(name, {}, xmltext.escape(
        xmltext.child_text(user, name) or ""))
        for name in ("NT4UserName", "SID")
        if user is not None and user.find(name) is not None]
    return xmltext.tag("User", {}, *rows)


def listing(ex: Exchange, root: xmltext.Element, client: Client) -> str:
    items, kind = chosen(ex, root)
    texts = [assignment(ex, item) for item in items]
    references = [reference(ex, item, text)
                  for item, text in zip(items, texts)]
    resource = root.find("Resource")
    machine = xmltext.tag(
        "Machine", {}, xmltext.tag("ClientID", {}, client.smsid),
        xmltext.tag("FQDN", {}), xmltext.tag(
            "NetBIOSName", {}, xmltext.escape(client.netbios)),
        xmltext.tag("SID", {}))
    ex.verdict.notes["reply"] = f"{kind}, {len(items)}"
    return xmltext.tag(
        "ReplyAssignments", {"SchemaVersion": "1.00", "ReplyType": kind},
        xmltext.tag("Identification", {}, machine, echoed(root)),
        xmltext.tag("PolicySource", {}, "SMS:" + ex.point.site),
        xmltext.tag("Resource", {"ResourceType": (
            resource.get("ResourceType") or "" if resource is not None
            else "Machine")}),
        xmltext.tag("ServerCookie", {}, COOKIE if kind == "Full"
                    else UPDATED),
        xmltext.tag("Signature", {}, *references), *texts)
