"""Who sent it: the clientauth hook of messages (wire facts 3.3) and the
identity headers of downloads (5.3). Raises Unbelieved where a management
point would fall silent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Optional

import signature
from checks import Unbelieved, Verdict
from clients import SMSID, Client, Registry
from message import TIME, Hook, Message
from payload import Payload
from request import Peer, Request

if TYPE_CHECKING:
    from point import Exchange

PROPERTIES = ["AuthSenderMachine", "PublicKey", "ClientIDSignature",
              "PayloadSignature", "ClientCapabilities"]
HEADER_FORMS = ("DigestInfo", "bare")
# Set A has a second spelling in documentation (wire facts 5.3).
STAMP_SIGNATURES = ("CCMClientTimestampSignature",
                    "CCMClientTimestampsSignature")
TOKEN = re.compile(r"\A(GUID:[^;]+);([^;]+);2\Z")
BRACE_TOKEN = re.compile(r"\A\{([^;{}]+)\};([^;]+)\Z")


def known(registry: Registry, smsid: str, verdict: Verdict) -> Client:
    """The registered client of that id."""
    verdict.client_id = smsid or None
    client = registry.find(smsid)
    if not verdict.check("identity.known", client is not None,
                         f"no client {smsid!r} is registered"):
        raise Unbelieved(f"no client {smsid!r} is registered")
    assert client is not None
    if not verdict.check("identity.confirmed", client.confirmed,
                         f"{smsid} is still pending, or was rejected"):
        raise Unbelieved(f"{smsid} is not registered yet")
    return client


def check_tls(client: Client, peer: Peer, verdict: Verdict) -> None:
    """Over TLS, the certificate there is the registered one."""
    if peer.certificate is None:
        verdict.check("identity.tls_certificate", None)
        return
    if not verdict.check("identity.tls_certificate",
                         peer.certificate == client.certificate(),
                         "the TLS certificate is not the registered one"):
        raise Unbelieved("the TLS certificate is another client's")


def check_properties(hook: Hook, message: Message, peer: Peer,
                     verdict: Verdict) -> str:
    """Names, order and plain values; returns the hash that is announced."""
    names = [name for name, _ in hook.properties]
    oid = hook.get("HashAlgorithm")
    wanted = PROPERTIES + (["HashAlgorithm"] if oid is not None else [])
    verdict.equal("auth.properties", names, wanted)
    verdict.equal("auth.sender_machine", hook.get("AuthSenderMachine"),
                  message.get("SourceHost"))
    verdict.equal("auth.capabilities", hook.get("ClientCapabilities"),
                  "SSL" if peer.tls else "NonSSL")
    if oid is None:
        verdict.check("auth.hash_algorithm", True)
        return "sha1"
    if not verdict.check("auth.hash_algorithm", oid in signature.OIDS,
                         f"HashAlgorithm is {oid!r}"):
        raise Unbelieved("the hash algorithm is not known")
    return signature.OIDS[oid]


def check_signature(name: str, client: Client, text: Optional[str],
                    data: bytes, digest: str, verdict: Verdict,
                    forms: tuple[str, ...] = ("DigestInfo",)) -> str:
    """One signature under one check; Unbelieved if it is wrong."""
    form, trouble = signature.verify(client.key(), text or "", data, digest,
                                     forms)
    if not verdict.check(name, bool(form), f"signature is wrong: {trouble}"):
        raise Unbelieved(f"{name}: {trouble}")
    return form


def check_message(message: Message, payload: Payload, registry: Registry,
                  peer: Peer, verdict: Verdict) -> Client:
    """The client that signed the message."""
    hook = message.hook("clientauth")
    if not verdict.check("auth.present", hook is not None,
                         "the message has no clientauth hook"):
        raise Unbelieved("the message is not signed")
    assert hook is not None
    digest = check_properties(hook, message, peer, verdict)
    client = check_source(message, registry, peer, verdict)
    check_tls(client, peer, verdict)
    verdict.equal("auth.public_key", hook.get("PublicKey"),
                  signature.blob(client.key()))
    check_signature("auth.client_id_signature", client,
                    hook.get("ClientIDSignature"),
                    signature.u16z(message.get("SourceID") or ""), digest,
                    verdict)
    check_signature("auth.payload_signature", client,
                    hook.get("PayloadSignature"), payload.signed, digest,
                    verdict)
    return client


def check_source(message: Message, registry: Registry, peer: Peer,
                 verdict: Verdict) -> Client:
    """The client that SourceID names. Internet-based ones are native only;
    what they send in mixed mode is discarded (SDK facts 5)."""
    source = message.get("SourceID") or ""
    verdict.check("msg.source_id", bool(SMSID.match(source)),
                  f"SourceID is {source!r}, expected GUID:UPPER-CASE")
    client = known(registry, source, verdict)
    if not verdict.check("identity.internet", peer.tls or not client.internet,
                         f"{source} is Internet-based and sends in mixed "
                         "mode"):
        raise Unbelieved(f"{source} is Internet-based")
    return client


def check_managed(ex: Exchange, sender: Optional[Client],
                  smsid: str) -> None:
    """The client that a body names: the sender itself, or one that it
    manages as an ISV proxy. Without a sender, any id of the right form."""
    if sender is None:
        ex.verdict.check("identity.managed", bool(SMSID.match(smsid)),
                         f"ClientID is {smsid!r}")
        ex.verdict.client_id = smsid or None
        return
    client = ex.point.registry.find(smsid)
    if not ex.verdict.check(
            "identity.managed", client is not None and client.confirmed
            and sender.smsid in (client.smsid, client.proxy)
            and smsid == client.smsid,
            f"ClientID {smsid!r} is not {sender.smsid} nor managed by it"):
        raise Unbelieved(f"ClientID {smsid!r} is not the sender's")
    ex.verdict.client_id = smsid
    if sender.smsid != smsid:
        ex.verdict.notes["signed_by"] = sender.smsid


def check_unsigned(message: Message, verdict: Verdict) -> None:
    """Registration and location requests carry no identity (wire facts 2)."""
    verdict.check("auth.absent", message.hook("clientauth") is None,
                  "this message must not be signed")
    verdict.check("msg.source_id", not message.get("SourceID"),
                  "this message has no SourceID")


def check_time(name: str, text: str, verdict: Verdict) -> None:
    verdict.check(name, bool(TIME.match(text)),
                  f"{text!r} is not YYYY-MM-DDThh:mm:ssZ")


def check_fields(request: Request, registry: Registry, peer: Peer,
                 verdict: Verdict) -> Optional[Client]:
    """The client that identifies itself in header fields; None if it does
    not. Set A, B or B' (wire facts 5.3)."""
    if request.get("CCMClientID") is not None:
        client = check_set_a(request, registry, verdict)
    elif request.get("ClientToken") is not None:
        client = check_set_b(request, registry, verdict)
    else:
        verdict.check("identity.present", None)
        return None
    verdict.check("identity.present", True)
    check_tls(client, peer, verdict)
    return client


def check_set_a(request: Request, registry: Registry,
                verdict: Verdict) -> Client:
    smsid = request.get("CCMClientID") or ""
    stamp = request.get("CCMClientTimestamp") or ""
    sealed = None
    for name in STAMP_SIGNATURES:
        sealed = sealed or request.get(name)
    verdict.check("identity.fields", request.count("CCMClientID") == 1
                  and bool(stamp) and sealed is not None
                  and request.get("CCMClientIDSignature") is not None,
                  "one of the four CCMClient fields is missing or repeated")
    verdict.check("identity.id", smsid.startswith("GUID:"),
                  f"CCMClientID is {smsid!r}")
    check_time("identity.timestamp", stamp, verdict)
    client = known(registry, smsid, verdict)
    form = check_signature("identity.id_signature", client,
                           request.get("CCMClientIDSignature"),
                           signature.u16z(smsid), client.digest, verdict,
                           HEADER_FORMS)
    check_signature("identity.timestamp_signature", client, sealed,
                    signature.u16z(stamp), client.digest, verdict,
                    HEADER_FORMS)
    verdict.notes["identity"] = f"set A, {form}"
    return client


def check_set_b(request: Request, registry: Registry,
                verdict: Verdict) -> Client:
    token = request.get("ClientToken") or ""
    plain, braces = TOKEN.match(token), BRACE_TOKEN.match(token)
    found = plain or braces
    if not verdict.check("identity.fields", found is not None,
                         f"ClientToken is {token!r}"):
        raise Unbelieved("the ClientToken has no known form")
    assert found is not None
    smsid = found[1] if plain else "GUID:" + found[1].upper()
    check_time("identity.timestamp", found[2], verdict)
    client = known(registry, smsid, verdict)
    data = signature.u16z(token) if plain else signature.u16(token)
    form = check_signature("identity.token_signature", client,
                           request.get("ClientTokenSignature"), data,
                           "sha256", verdict, HEADER_FORMS)
    verdict.notes["identity"] = f"set {'B' if plain else 'B-brace'}, {form}"
    return client
