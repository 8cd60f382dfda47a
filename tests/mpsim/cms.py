"""CMS as the management point writes it: EnvelopedData around secret policy
(wire facts 5.4), detached SignedData over replies (6.3), and the opening of
encrypted uploads (7). Written from the standard; no CMS library is used, so
that the client is not tested against itself.
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from typing import Optional, Sequence, Union

from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding as block, \
    serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import der

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
ENVELOPED_DATA = "1.2.840.113549.1.7.3"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
RSA = "1.2.840.113549.1.1.1"
OAEP = "1.2.840.113549.1.1.7"
DES3_CBC = "1.2.840.113549.3.7"
AES256_CBC = "2.16.840.1.101.3.4.1.42"
KEY_SIZES = {DES3_CBC: 24, AES256_CBC: 32}
RECIPIENTS_MAX = 64
DIGESTS = {"sha1": ("1.3.14.3.2.26", hashes.SHA1),
           "sha256": ("2.16.840.1.101.3.4.2.1", hashes.SHA256)}


def digest(name: str, data: bytes) -> bytes:
    h = hashes.Hash(DIGESTS[name][1]())
    h.update(data)
    return h.finalize()


def issuer_and_serial(cert: x509.Certificate) -> bytes:
    return der.sequence(cert.issuer.public_bytes(),
                        der.integer(cert.serial_number))


def key_identifier(cert: x509.Certificate) -> bytes:
    """The extension's identifier, or else SHA-1 of SubjectPublicKeyInfo, as
    Windows derives it (wire facts 5.4)."""
    try:
        return cert.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return digest("sha1", cert.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo))


def key_identifiers(cert: x509.Certificate) -> set[bytes]:
    """All identifiers that a sender may derive: the extension's, SHA-1 of
    SubjectPublicKeyInfo, SHA-1 of the key in it."""
    public = cert.public_key()
    return {key_identifier(cert), digest("sha1", public.public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)),
        x509.SubjectKeyIdentifier.from_public_key(public).digest}


def oaep() -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(algorithm=hashes.SHA1()),
                        algorithm=hashes.SHA1(), label=None)


def cipher_of(name: str, key: bytes, iv: bytes) -> Cipher:
    algorithm = (algorithms.TripleDES(key) if name == DES3_CBC
                 else algorithms.AES(key))
    return Cipher(algorithm, modes.CBC(iv))


def enveloped(data: bytes, cert: x509.Certificate, cipher: str = AES256_CBC,
              transport: str = OAEP, by_key_id: bool = True) -> bytes:
    """EnvelopedData with one key transport recipient."""
    key = os.urandom(24 if cipher == DES3_CBC else 32)
    iv = os.urandom(8 if cipher == DES3_CBC else 16)
    padder = block.PKCS7(len(iv) * 8).padder()
    encryptor = cipher_of(cipher, key, iv).encryptor()
    padded = padder.update(data) + padder.finalize()
    content = encryptor.update(padded) + encryptor.finalize()
    public = cert.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise ValueError("policy can be encrypted for RSA keys only")
    if transport == OAEP:
        wrapped = public.encrypt(key, oaep())
        how = der.sequence(der.oid(OAEP), der.sequence())
    else:
        wrapped = public.encrypt(key, padding.PKCS1v15())
        how = der.sequence(der.oid(RSA), der.NULL)
    if by_key_id:
        version, who = 2, der.tlv(0x80, key_identifier(cert))
    else:
        version, who = 0, issuer_and_serial(cert)
    recipient = der.sequence(der.integer(version), who, how,
                             der.octets(wrapped))
    info = der.sequence(der.oid(DATA),
                        der.sequence(der.oid(cipher), der.octets(iv)),
                        der.tlv(0x80, content))
    body = der.sequence(der.integer(version), der.set_of(recipient), info)
    return der.sequence(der.oid(ENVELOPED_DATA), der.tlv(0xA0, body))


@dataclass
class Recipient:
    """One key transport recipient of an EnvelopedData."""
    key_id: bytes            # or
    issuer_serial: bytes     # the whole DER, as in the certificate
    transport: str
    wrapped: bytes

    def names(self, cert: x509.Certificate) -> bool:
        if self.key_id:
            return self.key_id in key_identifiers(cert)
        return self.issuer_serial == issuer_and_serial(cert)

    def unwrap(self, key: rsa.RSAPrivateKey) -> bytes:
        return key.decrypt(self.wrapped, padding.PKCS1v15()
                           if self.transport == RSA else oaep())


@dataclass
class Envelope:
    """An EnvelopedData, taken apart; nothing in it is decrypted yet."""
    recipients: list[Recipient]
    cipher: str
    iv: bytes
    content: memoryview
    rest: int                # bytes after the DER

    def open(self, secret: bytes) -> bytes:
        if len(secret) != KEY_SIZES[self.cipher]:
            raise ValueError("content key has the wrong length")
        decryptor = cipher_of(self.cipher, secret, self.iv).decryptor()
        unpadder = block.PKCS7(len(self.iv) * 8).unpadder()
        clear = unpadder.update(decryptor.update(self.content))
        return clear + unpadder.update(decryptor.finalize()) \
            + unpadder.finalize()


def known_oid(der_oid: memoryview, known: Sequence[str], what: str) -> str:
    for name in known:
        if der_oid == der.oid(name):
            return name
    raise ValueError(f"{what} is not one of {', '.join(known)}")


def read_recipient(recipient: der.Reader) -> Recipient:
    version = recipient.element(0x02)[1]
    tag, content, whole = recipient.element(0x80, der.SEQUENCE)
    if version != (b"\x02" if tag == 0x80 else b"\0"):
        raise ValueError("recipient has the wrong version")
    how = known_oid(recipient.inside(der.SEQUENCE).element(0x06)[2],
                    (RSA, OAEP), "key transport")
    wrapped = recipient.element(der.OCTETS)[1]
    return Recipient(bytes(content) if tag == 0x80 else b"",
                     bytes(whole) if tag != 0x80 else b"", how,
                     bytes(wrapped))


def parse_enveloped(data: Union[bytes, memoryview]) -> Envelope:
    """Takes an EnvelopedData apart. Bytes after the DER are counted only
    (wire facts 7, item 5). ValueError tells what is wrong."""
    outer = der.Reader(data)
    info = outer.inside(der.SEQUENCE)
    if info.element(0x06)[2] != der.oid(ENVELOPED_DATA):
        raise ValueError("CMS is not EnvelopedData")
    body = info.inside(0xA0).inside(der.SEQUENCE)
    body.element(0x02)
    infos = body.inside(der.SET)
    recipients = []
    while infos.more():
        recipients.append(read_recipient(infos.inside(der.SEQUENCE)))
        if len(recipients) > RECIPIENTS_MAX:
            raise ValueError(f"more than {RECIPIENTS_MAX} recipients")
    if not recipients:
        raise ValueError("CMS has no recipient")
    content = body.inside(der.SEQUENCE)
    if content.element(0x06)[2] != der.oid(DATA):
        raise ValueError("inner content is not data")
    how = content.inside(der.SEQUENCE)
    cipher = known_oid(how.element(0x06)[2], tuple(KEY_SIZES),
                       "content cipher")
    iv = bytes(how.element(der.OCTETS)[1])
    return Envelope(recipients, cipher, iv, content.element(0x80)[1],
                    len(outer.data) - outer.at)


def attributes(name: str, data: bytes) -> list[bytes]:
    now = datetime.datetime.utcnow().strftime("%y%m%d%H%M%SZ").encode()
    return [
        der.sequence(der.oid(CONTENT_TYPE), der.set_of(der.oid(DATA))),
        der.sequence(der.oid(SIGNING_TIME), der.set_of(der.tlv(0x17, now))),
        der.sequence(der.oid(MESSAGE_DIGEST),
                     der.set_of(der.octets(digest(name, data)))),
    ]


def signed(data: bytes, cert: x509.Certificate, key: rsa.RSAPrivateKey,
           name: str = "sha256", with_attributes: bool = True,
           embed: Optional[x509.Certificate] = None,
           detached: bool = True) -> bytes:
    """SignedData over data by one signer; embed is the certificate that
    travels along, if any (wire facts 6.3, items 4 to 7)."""
    algorithm = der.sequence(der.oid(DIGESTS[name][0]), der.NULL)
    content, attrs = data, b""
    if with_attributes:
        members = attributes(name, data)
        content = der.set_of(*members)
        attrs = der.tlv(0xA0, *sorted(members))
    value = key.sign(content, padding.PKCS1v15(), DIGESTS[name][1]())
    signer = der.sequence(der.integer(1), issuer_and_serial(cert), algorithm,
                          attrs, der.sequence(der.oid(RSA), der.NULL),
                          der.octets(value))
    inner = b"" if detached else der.tlv(0xA0, der.octets(data))
    certs = b""
    if embed is not None:
        certs = der.tlv(0xA0, embed.public_bytes(serialization.Encoding.DER))
    body = der.sequence(der.integer(1), der.set_of(algorithm),
                        der.sequence(der.oid(DATA), inner), certs,
                        der.set_of(signer))
    return der.sequence(der.oid(SIGNED_DATA), der.tlv(0xA0, body))
