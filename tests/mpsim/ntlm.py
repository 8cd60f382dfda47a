"""NTLM: the three messages on one connection. Verifies NTLMv2 for the one
user that it is told, or, without one, only that a client goes through the
three steps. Knows no HTTP.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import time
from dataclasses import dataclass
from typing import Optional

import md4
from checks import Malformed, Verdict
from request import Peer

MARK = b"NTLMSSP\0"
# Unicode, target, NTLM, always sign, target is a domain, extended session
# security, target information, 128 and 56 bit.
FLAGS = 0xA0898205
UNICODE = 1
DOMAIN, COMPUTER = "EXAMPLE", "MP1"
FILETIME_1970 = 116444736000000000


def u16(text: str) -> bytes:
    return text.encode("utf-16-le")


def target_info() -> bytes:
    now = int(time.time() * 10000000) + FILETIME_1970
    pairs = ((2, u16(DOMAIN)), (1, u16(COMPUTER)),
             (4, u16("example.test")), (3, u16("mp1.example.test")),
             (7, struct.pack("<Q", now)), (0, b""))
    return b"".join(struct.pack("<HH", kind, len(value)) + value
                    for kind, value in pairs)


def type_2(challenge: bytes) -> bytes:
    name, info = u16(DOMAIN), target_info()
    at = 48
    return (MARK + struct.pack("<IHHII", 2, len(name), len(name), at, FLAGS)
            + challenge + bytes(8)
            + struct.pack("<HHI", len(info), len(info), at + len(name))
            + name + info)


def field(data: bytes, at: int) -> bytes:
    """What the security buffer at that offset points to."""
    length, _, offset = struct.unpack_from("<HHI", data, at)
    if offset + length > len(data):
        raise Malformed("an NTLM field lies outside its message")
    return data[offset:offset + length]


@dataclass
class Account:
    """The one user to accept: NAME or DOMAIN\\NAME; "": anybody, without a
    look at the password."""
    user: str = ""
    password: str = ""

    def step(self, token: bytes, peer: Peer, body: bool,
             verdict: Verdict) -> Optional[bytes]:
        """What to answer to the token: b"" once its user is believed, None
        if it is not."""
        if not verdict.check("ntlm.message", token.startswith(MARK)
                             and len(token) >= 16,
                             "the token is no NTLM message"):
            return None
        kind = struct.unpack_from("<I", token, 8)[0]
        verdict.notes["ntlm"] = f"type {kind}"
        if kind == 1:
            peer.challenge = os.urandom(8)
            verdict.check("ntlm.no_body", not body,
                          "the body must wait until the server is convinced")
            return type_2(peer.challenge)
        if kind == 3 and self.convinced(token, peer, verdict):
            return b""
        verdict.check("ntlm.order", kind == 3,
                      f"an NTLM message of type {kind} came")
        peer.challenge = b""
        return None

    def convinced(self, token: bytes, peer: Peer, verdict: Verdict) -> bool:
        if not verdict.check("ntlm.order", bool(peer.challenge),
                             "type 3 came on a connection without type 1"):
            return False
        if len(token) < 64:
            raise Malformed("the NTLM message is too short")
        proof, domain, name = (field(token, at) for at in (20, 28, 36))
        flags = struct.unpack_from("<I", token, 60)[0]
        code = "utf-16-le" if flags & UNICODE else "latin-1"
        user = name.decode(code, "replace")
        where = domain.decode(code, "replace")
        if not verdict.check("ntlm.user", bool(user), "there is no user name"):
            return False
        if not self.user:
            verdict.notes["ntlm"] = "type 3, not verified"
        elif not self.verified(proof, user, where, peer, verdict):
            return False
        peer.user = f"{where}\\{user}" if where else user
        verdict.notes["user"] = peer.user
        return True

    def verified(self, proof: bytes, user: str, where: str, peer: Peer,
                 verdict: Verdict) -> bool:
        """NTLMv2: proof is HMAC-MD5 over our challenge and what follows."""
        domain, _, name = self.user.rpartition("\\")
        same = user.lower() == name.lower() and where.lower() in (
            domain.lower(), domain.lower() or where.lower())
        if not verdict.check("ntlm.user", same, f"{user!r} of {where!r} is "
                             "not the user that may register"):
            return False
        if not verdict.check("ntlm.v2", len(proof) > 44
                             and proof[16:20] == b"\x01\x01\0\0",
                             "the response is not NTLMv2"):
            return False
        key = hmac.digest(md4.digest(u16(self.password)),
                          u16(user.upper() + where), hashlib.md5)
        right = hmac.digest(key, peer.challenge + proof[16:], hashlib.md5)
        return verdict.check("ntlm.proof", hmac.compare_digest(
            right, proof[:16]), "the password is wrong")

