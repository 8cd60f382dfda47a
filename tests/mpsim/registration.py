"""Registration and Confirmation: what a client must say, and what it is told
(wire facts 4). Knows no envelope.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Optional

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import auth
import clients
import hint
import reply
import signature
import xmltext
from checks import Malformed, Unbelieved, Verdict
from clients import Client

if TYPE_CHECKING:
    from point import Exchange

REGISTERED, PENDING, REJECTED = "0", "1", "3"
APPROVAL = {REGISTERED: "1", PENDING: "0", REJECTED: "-1"}
AGENT_TYPES = {"0", "1", "2", "3", clients.PROXY, clients.PROXY_CLIENT}
PROPERTIES = ("Netbios Name", "FQ Name", "Locale ID", "InternetFlag")
OPTIONAL_PROPERTIES = ("HardwareID1", "Agent Edition")


def data_text(body: str) -> str:
    """<Data through </Data>, exactly as transmitted (wire facts 3.1)."""
    found = re.search(r"<Data[\s>/].*</Data>", body, re.DOTALL)
    if not found:
        raise Malformed("the registration has no Data element")
    return found[0]


def is_self_signed(cert: x509.Certificate) -> bool:
    key = cert.public_key()
    if cert.issuer != cert.subject or cert.signature_hash_algorithm is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(cert.signature, cert.tbs_certificate_bytes,
                       padding.PKCS1v15(), cert.signature_hash_algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(cert.signature, cert.tbs_certificate_bytes,
                       ec.ECDSA(cert.signature_hash_algorithm))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def read_certificate(element: Optional[xmltext.Element], what: str,
                     verdict: Verdict) -> Optional[x509.Certificate]:
    """One of the two certificates (wire facts 3.5)."""
    check = f"registration.{what.lower()}_certificate"
    if not verdict.check(check, element is not None, "is missing"):
        return None
    assert element is not None
    text = element.text or ""
    # Spelt in two ways (SDK facts 7, contradiction 14).
    verdict.check(f"registration.{what.lower()}_encoding",
                  element.get("Encoding") in ("HexBinary", "hexBinary"),
                  f"Encoding is {element.get('Encoding')!r}")
    if not verdict.check(check, signature.upper_hex(text),
                         "is not upper-case hex"):
        return None
    try:
        cert = x509.load_der_x509_certificate(bytes.fromhex(text))
        whole = clients.der_hex(cert) == text
    except ValueError as error:
        verdict.check(check, False, f"is not a certificate: {error}")
        return None
    verdict.check(check, whole, "has bytes after the DER")
    verdict.equal(f"registration.{what.lower()}_key_type",
                  element.get("KeyType"), "1" if is_self_signed(cert) else "2")
    verdict.check("registration.rsa", isinstance(cert.public_key(),
                                                 rsa.RSAPublicKey),
                  "the protocol has room for RSA keys only")
    return cert


def check_data(data: xmltext.Element, kind: str, verdict: Verdict) -> str:
    """Attributes of Data and AgentInformation; returns the hash."""
    oid = data.get("HashAlgorithm")
    wanted = {"SMSID", "RequestType", "TimeStamp"}
    verdict.equal(f"{kind}.attributes",
                  set(data.attrib) - {"HashAlgorithm"}, wanted)
    auth.check_time(f"{kind}.timestamp", data.get("TimeStamp") or "", verdict)
    agent = data.find("AgentInformation")
    verdict.check(f"{kind}.agent", agent is not None and set(agent.attrib) == {
        "AgentIdentity", "AgentVersion", "AgentType"}
        and agent.get("AgentType") in AGENT_TYPES,
        "AgentInformation lacks an attribute or has an unknown AgentType")
    verdict.check(f"{kind}.hash_algorithm", oid is None
                  or oid in signature.OIDS, f"HashAlgorithm is {oid!r}")
    return "sha1" if oid is None else "sha256"


def check_properties(data: xmltext.Element,
                     verdict: Verdict) -> tuple[str, str]:
    """DiscoveryProperties; returns NetBIOS name and InternetFlag."""
    found: dict[str, str] = {}
    for prop in data.findall("DiscoveryProperties/Property"):
        found[prop.get("Name") or ""] = prop.get("Value") or ""
    missing = [name for name in PROPERTIES if not found.get(name)]
    odd = set(found) - set(PROPERTIES) - set(OPTIONAL_PROPERTIES)
    verdict.check("registration.properties", not missing and not odd,
                  f"missing: {missing}, unknown: {sorted(odd)}")
    verdict.check("registration.internet_flag",
                  found.get("InternetFlag") in ("0", "1", "2"),
                  f"InternetFlag is {found.get('InternetFlag')!r}")
    verdict.check("registration.locale",
                  (found.get("Locale ID") or "").isdecimal(),
                  f"Locale ID is {found.get('Locale ID')!r}")
    netbios = found.get("Netbios Name", "")
    verdict.check("registration.netbios_name",
                  bool(re.match(r"\A[^\s.:;/\\]{1,15}\Z", netbios)),
                  f"Netbios Name is {netbios!r}")
    hardware = found.get("HardwareID1")
    verdict.check("registration.hardware_id", None if hardware is None
                  else bool(re.match(r"\A2:[0-9A-Fa-f]{40}\Z", hardware)),
                  f"HardwareID1 is {hardware!r}")
    return netbios, found.get("InternetFlag", "")


def check_value(ex: Exchange, root: xmltext.Element, client: Client,
                kind: str, digest: str) -> None:
    value = xmltext.child_text(root.find("Signature"), "SignatureValue")
    auth.check_signature(f"{kind}.signature", client, value,
                         signature.u16(data_text(ex.payload.body)), digest,
                         ex.verdict)


def answer(ex: Exchange) -> str:
    """The ClientRegistrationResponse."""
    verdict = ex.verdict
    auth.check_unsigned(ex.message, verdict)
    verdict.equal("msg.reply_mode", ex.message.get("ReplyMode"), "Sync")
    root = xmltext.parse(ex.payload.body, "the registration")
    data = root.find("Data")
    if root.tag != "ClientRegistrationRequest" or data is None:
        raise Malformed("the body is not a ClientRegistrationRequest")
    what = data.get("RequestType")
    if what == "Registration":
        return register(ex, root, data)
    if what == "Confirmation":
        verdict.kind = "confirmation"
        return confirm(ex, root, data)
    raise Malformed(f"RequestType is {what!r}")


def signer_of(ex: Exchange, root: xmltext.Element,
              candidate: Client) -> Client:
    """Whose key signs a registration: the client's own, or its proxy's (wire
    facts 4.1). One certificate serves all clients of a proxy."""
    element = root.find("Signature")
    proxy = element.get("SMSID") if element is not None else None
    if candidate.agent != clients.PROXY_CLIENT:
        ex.verdict.check("registration.proxy", proxy is None,
                         "only an ISV proxy's client has Signature/@SMSID")
        return candidate
    if not ex.verdict.check("registration.proxy", bool(proxy),
                            "Signature/@SMSID must name the proxy"):
        raise Unbelieved("an ISV proxy's client without a proxy")
    candidate.proxy = proxy or ""
    signer = auth.known(ex.point.registry, candidate.proxy, ex.verdict)
    if not ex.verdict.check("registration.proxy",
                            signer.agent == clients.PROXY,
                            f"{signer.smsid} is no ISV proxy"):
        raise Unbelieved(f"{signer.smsid} is no ISV proxy")
    ex.verdict.equal("registration.proxy_certificate",
                     candidate.signing == signer.signing, True)
    return signer


def applicant(ex: Exchange, data: xmltext.Element) -> Client:
    """Who wants to register, from what Data says."""
    verdict = ex.verdict
    digest = check_data(data, "registration", verdict)
    signing = read_certificate(data.find("Certificates/Signing"), "Signing",
                               verdict)
    encryption = data.find("Certificates/Encryption")
    second = None
    if encryption is not None:  # optional, as documented
        second = read_certificate(encryption, "Encryption", verdict)
    if signing is None or not verdict.checks.get("registration.rsa"):
        raise Unbelieved("no usable signing certificate")
    verdict.check("registration.native_certificate", not ex.peer.tls
                  or ex.alternate or not is_self_signed(signing),
                  "native mode wants a certificate from an authority")
    netbios, internet = check_properties(data, verdict)
    if not verdict.check("registration.internet_mode", ex.peer.tls
                         or internet in ("", "0"),
                         "Internet-based clients are native only"):
        raise Unbelieved("an Internet-based client in mixed mode")
    agent = data.find("AgentInformation")
    return Client(smsid="", signing=clients.der_hex(signing),
                  encryption=clients.der_hex(second or signing),
                  digest=digest, message_id=ex.message.get("ID") or "",
                  netbios=netbios, internet=internet in ("1", "2"),
                  agent=agent.get("AgentType") or "0"
                  if agent is not None else "0")


def register(ex: Exchange, root: xmltext.Element,
             data: xmltext.Element) -> str:
    verdict = ex.verdict
    candidate = applicant(ex, data)
    signer = signer_of(ex, root, candidate)
    auth.check_tls(signer, ex.peer, verdict)
    hinted = hint.check(ex, data)
    check_value(ex, root, signer, "registration", candidate.digest)
    if ex.point.reject:
        return response("Registration", REJECTED, "")
    client = enrol(ex, candidate, hinted, data.get("SMSID") or "")
    verdict.client_id = client.smsid
    return response("Registration", REGISTERED if client.confirmed
                    else PENDING, client.smsid)


def enrol(ex: Exchange, candidate: Client, hinted: Optional[Client],
          wanted: str) -> Client:
    """The client's entry: the one it has, by its certificate or by a hint
    that was verified, or a new one."""
    registry = ex.point.registry
    with registry.lock:
        known = registry.find_same(candidate) or hinted
        if known is not None:
            candidate.smsid = known.smsid
            candidate.pending = known.pending
            candidate.confirmed = known.confirmed
            candidate.imported = known.imported
        else:
            candidate.smsid = choose_smsid(ex, wanted)
            candidate.pending = ex.point.pending
            candidate.confirmed = ex.point.pending == 0
        registry.put(candidate)
    return candidate


def choose_smsid(ex: Exchange, wanted: str) -> str:
    """A client may ask for an id; it gets it if it is free."""
    if not wanted:
        ex.verdict.check("registration.smsid", True)
        return clients.new_smsid()
    fit = bool(clients.SMSID.match(wanted))
    ex.verdict.check("registration.smsid", fit, f"SMSID is {wanted!r}")
    if fit and ex.point.registry.find(wanted) is None:
        return wanted
    return clients.new_smsid()


def confirm(ex: Exchange, root: xmltext.Element,
            data: xmltext.Element) -> str:
    """Polling while pending (wire facts 4.3): no certificates, the key is
    looked up by SMSID."""
    verdict, registry = ex.verdict, ex.point.registry
    digest = check_data(data, "confirmation", verdict)
    verdict.check("confirmation.short",
                  xmltext.names(data) == ["AgentInformation"],
                  "a Confirmation has no Certificates, properties or hint")
    smsid = data.get("SMSID") or ""
    verdict.client_id = smsid or None
    client = registry.find(smsid)
    if not verdict.check("identity.known", client is not None,
                         f"no client {smsid!r} has registered"):
        raise Unbelieved(f"no client {smsid!r} has registered")
    assert client is not None
    signed = root.find("Signature")
    verdict.check("confirmation.signature_smsid", signed is not None
                  and signed.get("SMSID") in (smsid, client.proxy or smsid),
                  "Signature/@SMSID is neither the client's nor its proxy's")
    verdict.equal("confirmation.message_id", ex.message.get("ID"),
                  client.message_id)
    signer = registry.find(client.proxy) or client
    auth.check_tls(signer, ex.peer, verdict)
    check_value(ex, root, signer, "confirmation", digest)
    if ex.point.reject:
        return response("Confirmation", REJECTED, "")
    with registry.lock:
        if not client.confirmed and client.pending > 0:
            client.pending -= 1
            registry.put(client)
            return response("Confirmation", PENDING, smsid)
        client.confirmed = True
        registry.put(client)
    return response("Confirmation", REGISTERED, smsid)


def response(what: str, status: str, smsid: str) -> str:
    attributes = {"ResponseType": what, "TimeStamp": reply.now(),
                  "Status": status}
    if smsid:
        attributes["SMSID"] = smsid
    attributes["ApprovalStatus"] = APPROVAL[status]
    return xmltext.tag("ClientRegistrationResponse", attributes)
