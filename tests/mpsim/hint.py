"""RegistrationHint: a client that comes with a new certificate shows by its
old one who it is (wire facts 3.1, 4.1; SDK facts 4.1). A hint that cannot be
verified is a finding; registration goes on without it, as documented.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Optional

import signature
import xmltext
from clients import Client

if TYPE_CHECKING:
    from point import Exchange

LINE = re.compile(r"(?m)^(\w+?)(?:: |(?=[0-9A-F]{256,}$))(.+?)\r?$")
SEALED = (("CCMClientID", "CCMClientIDSignature"),
          ("CCMClientTimestamp", "CCMClientTimeStampSignature"))
TYPE = ("CCMAuthHeaderType", "CCMAuthHeaderTypeSignature")


def check(ex: Exchange, data: xmltext.Element) -> Optional[Client]:
    """The registered client whose key signed the hint, if that is proven."""
    text = xmltext.child_text(data, "RegistrationHint")
    if text is None:
        ex.verdict.check("registration.hint", None)
        return None
    if signature.upper_hex(text.strip()):
        client = of_smsid(ex, text.strip(), data.get("SMSID") or "")
    else:
        client = of_lines(ex, dict(LINE.findall(text)))
    if not ex.verdict.check("registration.hint", client is not None
                            and client.confirmed,
                            "it is not signed by a registered key"):
        return None
    return client


def of_smsid(ex: Exchange, text: str, smsid: str) -> Optional[Client]:
    """The documented form: a signature of the SMSID, native mode only.
    Whether a NUL and which hash are signed is documented nowhere: with and
    without, SHA-1 and SHA-256 are accepted."""
    ex.verdict.notes["hint"] = "signature of the SMSID"
    ex.verdict.check("registration.hint_mode", ex.peer.tls,
                     "this form of hint is for native mode only")
    client = ex.point.registry.find(smsid)
    if client is None or not ex.peer.tls:
        return None
    for encode in (signature.u16, signature.u16z):
        for digest in signature.DIGEST_INFO:
            if signature.verify(client.key(), text, encode(smsid),
                                digest)[0]:
                ex.verdict.notes["hint"] += f", {encode.__name__}, {digest}"
                return client
    return None


def of_lines(ex: Exchange, lines: dict[str, str]) -> Optional[Client]:
    """The SDK's form: lines of text, each signed."""
    ex.verdict.notes["hint"] = "lines"
    client = ex.point.registry.find(lines.get("CCMClientID", ""))
    if client is None:
        return None
    pairs = SEALED + ((TYPE,) if TYPE[0] in lines else ())
    good = all(signature.verify(client.key(), lines.get(sealed, ""),
                                signature.u16(lines.get(name, "")),
                                "sha256")[0] for name, sealed in pairs)
    return client if good else None
