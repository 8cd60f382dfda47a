"""The certificates of the test management point, made in its directory on
first start and kept: CA, TLS server, MP signing and encryption, site signing.
Also signs certificate requests of clients. Keys are files of mode 0600.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import ipaddress
import os
from pathlib import Path
from typing import Iterator, Optional, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SMS_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.311.101")
SMS_ENCRYPTION = x509.ObjectIdentifier("1.3.6.1.4.1.311.101.2")
DAY = datetime.timedelta(days=1)
LOCAL = ("localhost", "127.0.0.1")
TLS_VARIANTS = ("good", "expired", "wrong-name", "untrusted")
USAGE_FIELDS = ("digital_signature", "content_commitment", "key_encipherment",
                "data_encipherment", "key_agreement", "key_cert_sign",
                "crl_sign", "encipher_only", "decipher_only")


class Pair:
    """A certificate and its private key."""

    def __init__(self, cert: x509.Certificate, key: rsa.RSAPrivateKey):
        self.cert = cert
        self.key = key

    def der(self) -> bytes:
        return self.cert.public_bytes(serialization.Encoding.DER)

    def pem(self) -> bytes:
        return self.cert.public_bytes(serialization.Encoding.PEM)


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def usage(*fields: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{f: f in fields for f in USAGE_FIELDS})


def alternative(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return x509.SubjectAlternativeName(names)


def build(subject: x509.Name, public, issuer: Optional[Pair],
          begin: datetime.datetime, end: datetime.datetime,
          extensions: Sequence[tuple[x509.ExtensionType, bool]]
          ) -> x509.CertificateBuilder:
    """What all certificates here have in common; not yet signed."""
    builder = (x509.CertificateBuilder()
               .subject_name(subject)
               .issuer_name(issuer.cert.subject if issuer else subject)
               .public_key(public)
               .serial_number(x509.random_serial_number())
               .not_valid_before(begin).not_valid_after(end)
               .add_extension(
                   x509.SubjectKeyIdentifier.from_public_key(public), False))
    if issuer:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                issuer.key.public_key()), False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder


def make(common: str, issuer: Optional[Pair],
         *extensions: tuple[x509.ExtensionType, bool],
         from_days: int = -1, to_days: int = 3650) -> Pair:
    """A new RSA key with a certificate; self-signed without an issuer."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = datetime.datetime.utcnow()
    builder = build(name(common), key.public_key(), issuer,
                    now + from_days * DAY, now + to_days * DAY, extensions)
    signer = issuer.key if issuer else key
    return Pair(builder.sign(signer, hashes.SHA256()), key)


def authority(common: str) -> Pair:
    return make(common, None,
                (x509.BasicConstraints(ca=True, path_length=0), True),
                (usage("key_cert_sign", "crl_sign"), True))


def server(issuer: Pair, hosts: Sequence[str], from_days: int = -1,
           to_days: int = 397, crl_url: str = "") -> Pair:
    """For TLS; crl_url becomes its CRL distribution point."""
    points = [(x509.CRLDistributionPoints([x509.DistributionPoint(
        [x509.UniformResourceIdentifier(crl_url)], None, None, None)]),
        False)] if crl_url else []
    return make(hosts[0], issuer,
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (usage("digital_signature", "key_encipherment"), True),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
                 False),
                (alternative(hosts), False), *points,
                from_days=from_days, to_days=to_days)


def messaging(common: str, purpose: x509.ObjectIdentifier) -> Pair:
    """Self-signed, as an MP makes its own (wire facts 6.1, 6.3)."""
    what = ("digital_signature" if purpose == SMS_SIGNING
            else "key_encipherment")
    return make(common, None, (usage(what, "data_encipherment"), True),
                (x509.ExtendedKeyUsage([purpose]), False))


def write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all: readers never see half a file."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    os.replace(part, path)


def issue(issuer: Pair, request: bytes, days: int,
          from_days: Optional[int]) -> bytes:
    """Signs a PEM or DER certificate request for client authentication; valid
    for `days`, beginning `from_days` from now (an hour ago if None)."""
    load = (x509.load_pem_x509_csr if b"-----BEGIN" in request
            else x509.load_der_x509_csr)
    csr = load(request)
    if not csr.is_signature_valid:
        raise ValueError("the request is not signed by its own key")
    now = datetime.datetime.utcnow()
    begin = now - DAY / 24 if from_days is None else now + from_days * DAY
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage("digital_signature", "key_encipherment"), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)]
    try:
        wanted = csr.extensions.get_extension_for_class(
            x509.SubjectAlternativeName)
        extensions.append((wanted.value, False))
    except x509.ExtensionNotFound:
        pass
    builder = build(csr.subject, csr.public_key(), issuer, begin,
                    begin + days * DAY, extensions)
    cert = builder.sign(issuer.key, hashes.SHA256())
    return cert.public_bytes(serialization.Encoding.PEM)


class Store:
    """The pairs of one directory: NAME.pem and NAME.key."""

    def __init__(self, directory: Path, hosts: Sequence[str] = ()):
        self.directory = directory
        self.hosts = list(dict.fromkeys([*LOCAL, *hosts]))
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.locked():
            self.ca = self.keep("ca", lambda: authority("Test MP root"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """--issue and a starting server may share the directory."""
        with open(self.directory / ".lock", "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def path(self, who: str) -> Path:
        return self.directory / (who + ".pem")

    def load(self, who: str) -> Optional[Pair]:
        key = self.directory / (who + ".key")
        if not self.path(who).exists() or not key.exists():
            return None
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        assert isinstance(private, rsa.RSAPrivateKey)
        return Pair(x509.load_pem_x509_certificate(
            self.path(who).read_bytes()), private)

    def save(self, who: str, pair: Pair) -> Pair:
        write(self.directory / (who + ".key"), pair.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()), 0o600)
        write(self.path(who), pair.pem(), 0o644)
        return pair

    def keep(self, who: str, maker) -> Pair:
        return self.load(who) or self.save(who, maker())

    def complete(self, second: bool = False) -> None:
        """Makes what a server needs beyond the CA; second: another MP's
        encryption certificate, too."""
        with self.locked():
            self.sign = self.keep("mp-sign", lambda: messaging(
                "MP1 SMS signing", SMS_SIGNING))
            self.enc = self.keep("mp-enc", lambda: messaging(
                "MP1 SMS encryption", SMS_ENCRYPTION))
            if second:
                self.enc2 = self.keep("mp2-enc", lambda: messaging(
                    "MP2 SMS encryption", SMS_ENCRYPTION))
            self.site = self.keep("site-sign", lambda: messaging(
                "Site Server", SMS_SIGNING))
            self.root = self.keep("root-key", lambda: messaging(
                "Trusted root key", SMS_SIGNING))
            kept = self.load("tls")
            if kept is None or not covers(kept.cert, self.hosts):
                self.save("tls", server(self.ca, self.hosts))

    def tls(self, variant: str = "good",
            crl_url: str = "") -> tuple[Path, Path]:
        """Files of the TLS certificate to serve, in one of TLS_VARIANTS."""
        who = "tls"
        if variant != "good" or crl_url:
            who = "tls-" + (variant if variant != "good" else "crl")
            with self.locked():
                self.save(who, self.special(variant, crl_url))
        return self.path(who), self.directory / (who + ".key")

    def special(self, variant: str, crl_url: str) -> Pair:
        if variant == "expired":
            return server(self.ca, self.hosts, -30, -1, crl_url)
        if variant == "wrong-name":
            return server(self.ca, ["elsewhere.example.test"],
                          crl_url=crl_url)
        issuer = (authority("Test MP root") if variant == "untrusted"
                  else self.ca)
        return server(issuer, self.hosts, crl_url=crl_url)


def covers(cert: x509.Certificate, hosts: Sequence[str]) -> bool:
    """Does the certificate name every host, and is it still valid?"""
    if cert.not_valid_after < datetime.datetime.utcnow() + DAY:
        return False
    have = cert.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    return set(alternative(hosts)) <= set(have)
