"""Policy bodies: the catalogue of this site, and each body as it is served:
clear, compressed (flag 64), encrypted for the client (wire facts 5.2 to 5.4).
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Sequence

from cryptography import x509

import auth
import bomb
import cms
import misbehave
import signature
import xmltext
from checks import Unbelieved
from reply import Reply, html

if TYPE_CHECKING:
    from point import Exchange

TASK_SEQUENCE, REQUIRES_AUTH, SECRET, INTRANET_ONLY = 1, 2, 4, 8
PERSIST_WHOLE, COMPRESSED = 16, 64
ISSUER_SERIAL, KEY_ID = False, True


@dataclass(frozen=True)
class Policy:
    number: int          # makes its GUIDs
    category: str
    flags: int
    cipher: str = cms.AES256_CBC
    transport: str = cms.OAEP
    by_key_id: bool = KEY_ID
    version: str = "1.00"
    named: str = ""      # a policy id that is no GUID
    by_hash: bool = False  # location ends in SHA256:hex, not in the version
    user: str = ""       # NetworkAccessUsername
    bom: bool = True
    nul: bool = False    # real bodies are said to end in one (5.4)
    filler: int = 0      # instances, to give it size
    for_user: bool = False
    plain_hash: bool = True  # documented form; else with the hash's name
    changed: str = ""    # after this time: part of an update

    @property
    def id(self) -> str:
        return self.named or (
            f"{{C6FE32FB-0000-4000-8000-{self.number:012X}}}")

    @property
    def assignment(self) -> str:
        return f"{{A551C4ED-0000-4000-8000-{self.number:012X}}}"

    @property
    def type(self) -> str:
        return "User" if self.for_user else "Machine"

    @property
    def secret(self) -> bool:
        return bool(self.flags & SECRET)

    @property
    def needs_identity(self) -> bool:
        return bool(self.flags & (REQUIRES_AUTH | SECRET))


CATALOGUE = (
    Policy(1, "ClientAgentConfig", PERSIST_WHOLE),
    Policy(2, "HardwareInventory", PERSIST_WHOLE | COMPRESSED, bom=False,
           version="2.00", filler=400, changed="2026-11-22 12:00:00.000"),
    # The flags seen with a network access account: 30.
    Policy(3, "NAAConfig", REQUIRES_AUTH | SECRET | INTRANET_ONLY
           | PERSIST_WHOLE, cms.DES3_CBC, cms.RSA, ISSUER_SERIAL,
           user="EXAMPLE\\naa-3des"),
    Policy(4, "NAAConfig", REQUIRES_AUTH | SECRET, by_hash=True, nul=True,
           user="EXAMPLE\\naa-aes"),
    Policy(5, "NAAConfig", REQUIRES_AUTH | SECRET | COMPRESSED,
           by_key_id=ISSUER_SERIAL, user="EXAMPLE\\naa-compressed"),
    Policy(6, "NAAConfig", REQUIRES_AUTH | SECRET, cms.DES3_CBC, cms.RSA,
           KEY_ID, user="EXAMPLE\\naa-3des-keyid"),
    Policy(7, "CollectionSettings", REQUIRES_AUTH, plain_hash=False),
    Policy(8, "TaskSequence", TASK_SEQUENCE | PERSIST_WHOLE,
           named="PRI20003-PRI00009-6F6BCC28"),
    Policy(9, "TaskSequence", TASK_SEQUENCE | REQUIRES_AUTH | SECRET,
           named="PRI20004-PRI0000A-1A2B3C4D", user="EXAMPLE\\join"),
    Policy(10, "UserSettings", PERSIST_WHOLE, for_user=True),
    Policy(11, "UserProfiles", REQUIRES_AUTH | SECRET, for_user=True,
           user="EXAMPLE\\naa-user", changed="2026-11-22 18:00:00.000"),
)


def instance(name: str, values: dict[str, str]) -> str:
    rows = (xmltext.tag("property", {"name": key, "type": "8"},
                        xmltext.tag("value", {}, xmltext.escape(value)))
            for key, value in values.items())
    return xmltext.tag("instance", {"class": name}, *rows)


def document(policy: Policy, site: str) -> str:
    """The policy's XML, as the client should end up with."""
    if policy.user:
        rows = [instance("CCM_NetworkAccessAccount", {
            "NetworkAccessUsername": policy.user,
            "NetworkAccessPassword": "not-a-real-password",
            "SiteSettingsKey": "1"})]
    else:
        rows = [instance("CCM_ClientAgentConfig", {
            "BrandingTitle": "Example & Söhne", "DisplayNewProgram": "true",
            "SiteSettingsKey": "1"})]
    rows += [instance("CCM_InventoryItem", {"Item": f"Class_{i:04d}"})
             for i in range(policy.filler)]
    rule = xmltext.tag(
        "PolicyRule", {"PolicyRuleID": policy.assignment},
        xmltext.tag("PolicyAction", {"PolicyActionType": "WMI-XML"}, *rows))
    return '<?xml version="1.0"?>' + xmltext.tag(
        "Policy", {"PolicyType": policy.type, "PolicyID": policy.id,
                   "PolicyVersion": policy.version,
                   "PolicySource": "SMS:" + site, "SchemaVersion": "1.00"},
        rule)


def encode(xml: str, policy: Policy) -> bytes:
    return ((b"\xff\xfe" if policy.bom else b"") + signature.u16(xml)
            + (b"\0\0" if policy.nul else b""))


def wrap(stream: bytes) -> bytes:
    """The wrapper of a compressed body (wire facts 5.4)."""
    return b"\xff\xfe" + signature.u16(xmltext.tag(
        "PolicyXML", {"Compression": "zlib"}, stream.hex().upper()))


def clear(policy: Policy, site: str) -> bytes:
    """The body before encryption."""
    data = encode(document(policy, site), policy)
    return wrap(zlib.compress(data)) if policy.flags & COMPRESSED else data


def digest(policy: Policy, site: str, name: str) -> str:
    """Over the body before it is encrypted: what real sites hash is not
    known (wire facts 12, unknown 3)."""
    return hashlib.new(name, clear(policy, site)).hexdigest().upper()


def hashes_of(policy: Policy, site: str) -> dict[str, str]:
    """PolicyHash is documented as MD5 and PolicyHashEx as SHA-1 of the body
    (SDK facts 4.3). One policy has another form, which says its hash."""
    if policy.plain_hash:
        return {"PolicyHash": digest(policy, site, "md5"),
                "PolicyHashEx": digest(policy, site, "sha1")}
    return {"PolicyHash": "SHA1:" + digest(policy, site, "sha1"),
            "PolicyHashEx": "SHA256:" + digest(policy, site, "sha256")}


def location(policy: Policy, site: str) -> str:
    """What follows .sms_pol? in the policy's URL."""
    if policy.by_hash:
        return f"{policy.id}.SHA256:{digest(policy, site, 'sha256')}"
    return f"{policy.id}.{policy.version.replace('.', '_')}"


def find(policies: Sequence[Policy], query: str,
         site: str) -> Optional[Policy]:
    for policy in policies:
        if location(policy, site).lower() == query.lower():
            return policy
    return None


def spoilt_clear(ex: Exchange, policy: Policy) -> bytes:
    """The clear body, as misbehaviour wants it."""
    mis, site = ex.point.misbehaviour, ex.point.site
    compressed = bool(policy.flags & COMPRESSED)
    if compressed and mis.has("zip-bomb", "policy"):
        return wrap(bomb.element("Policy"))
    data = encode(mis.text("policy", document(policy, site)), policy)
    return wrap(zlib.compress(data)) if compressed else data


def enveloped(ex: Exchange, policy: Policy, data: bytes,
              cert: x509.Certificate) -> bytes:
    if ex.point.misbehaviour.has("foreign-recipient", "policy"):
        cert = misbehave.foreigner().cert
    return cms.enveloped(data, cert, policy.cipher, policy.transport,
                         policy.by_key_id)


def answer(ex: Exchange) -> Reply:
    """A download. Without a good identity, policy that needs one is an HTML
    page; its status is not recorded anywhere (wire facts 1.5)."""
    policy = find(ex.point.policies, ex.request.query, ex.point.site)
    found = ex.verdict.check("get.policy", policy is not None,
                             f"no policy has location {ex.request.query!r}")
    client = None
    try:
        client = auth.check_fields(ex.request, ex.point.registry, ex.peer,
                                   ex.verdict)
    except Unbelieved as error:
        ex.verdict.notes["refused"] = str(error)
    if not found or policy is None:
        return html(404, "404")
    ex.verdict.notes["policy"] = policy.id
    if policy.needs_identity and client is None:
        ex.verdict.check("identity.given", False,
                         "this policy needs a good identity")
        return html(403, "403")
    data = spoilt_clear(ex, policy)
    if policy.secret:
        assert client is not None
        data = enveloped(ex, policy, data, client.encryption_certificate())
    data = ex.point.misbehaviour.body("policy", data, policy.secret)
    return Reply(200, "text/xml", data, what="policy " + policy.id)
