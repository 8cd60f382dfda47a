"""Signatures as clients make them: RSA PKCS#1 v1.5, byte order reversed,
upper-case hex (wire facts 3.1), and the public key blob (3.4).

Knows keys and bytes; which bytes are signed where is said by the callers.
"""

from __future__ import annotations

import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

DIGEST_INFO = {
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
}
# The name printed for SHA-256; SHA-1 is told by its absence (wire facts 3.2).
OIDS = {"1.2.840.113549.1.1.11": "sha256",
        "2.16.840.1.101.3.4.2.1": "sha256"}
UPPER_HEX = re.compile(r"\A(?:[0-9A-F]{2})+\Z")


def u16(text: str) -> bytes:
    """UTF-16LE without byte order mark."""
    return text.encode("utf-16-le")


def u16z(text: str) -> bytes:
    return u16(text) + b"\0\0"


def upper_hex(text: str) -> bool:
    return bool(UPPER_HEX.match(text))


def recover(key: rsa.RSAPublicKey, value: bytes) -> bytes:
    """What the padding of a signature holds; empty if there is none."""
    try:
        return key.recover_data_from_signature(value, padding.PKCS1v15(),
                                               None)
    except (InvalidSignature, ValueError):
        return b""


def form_of(recovered: bytes, data: bytes, name: str) -> str:
    """How recovered relates to data: DigestInfo, bare, or not at all."""
    value = hashlib.new(name, data).digest()
    if recovered == DIGEST_INFO[name] + value:
        return "DigestInfo"
    return "bare" if recovered == value else ""


def explain(key: rsa.RSAPublicKey, value: bytes, data: bytes,
            wanted: str) -> str:
    """Why a signature is wrong, as far as can be told."""
    for order, octets in (("reversed", value[::-1]), ("plain", value)):
        recovered = recover(key, octets)
        for name in DIGEST_INFO:
            form = form_of(recovered, data, name)
            if form:
                return (f"it is {order} order, {name}, {form}; expected is "
                        f"reversed order, {wanted}")
        if recovered:
            return f"it is by this key, {order} order, over other bytes"
    return "it is not by this key"


def verify(key: rsa.RSAPublicKey, text: str, data: bytes, name: str,
           forms: tuple[str, ...] = ("DigestInfo",)) -> tuple[str, str]:
    """(form, trouble): the form in which text signs data with hash name, or
    an empty string and the reason why it does not."""
    if not upper_hex(text):
        return "", "it is not upper-case hex"
    value = bytes.fromhex(text)
    if len(value) != (key.key_size + 7) // 8:
        return "", (f"it has {len(value)} bytes, the key "
                    f"{(key.key_size + 7) // 8}")
    form = form_of(recover(key, value[::-1]), data, name)
    if form in forms:
        return form, ""
    return "", explain(key, value, data, name)


def blob(key: rsa.RSAPublicKey) -> str:
    """CryptoAPI PUBLICKEYBLOB in upper-case hex (wire facts 3.4)."""
    numbers = key.public_numbers()
    size = key.key_size
    raw = (bytes.fromhex("0602000000A4000052534131")
           + size.to_bytes(4, "little") + numbers.e.to_bytes(4, "little")
           + numbers.n.to_bytes((size + 7) // 8, "little"))
    return raw.hex().upper()


def sign(key: rsa.RSAPrivateKey, data: bytes, name: str = "sha256") -> str:
    """The same from the signer's side; the MP's key documents use it."""
    algorithm = hashes.SHA1() if name == "sha1" else hashes.SHA256()
    value = key.sign(data, padding.PKCS1v15(), algorithm)
    return value[::-1].hex().upper()
