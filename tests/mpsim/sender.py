"""A client for the tests that builds its messages by itself: it shares no
line with the management point that judges them, and openssl(1) encrypts. Its
key is self-signed, as in mixed mode, unless it is given another.
"""

from __future__ import annotations

import datetime
import hashlib
import subprocess
import uuid
import zlib
from typing import NamedTuple, Optional, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.x509.oid import NameOID, ObjectIdentifier

EDGE = b"--aAbBcCdDv1234567890VxXyYzZ"
TYPE = 'multipart/mixed; boundary="aAbBcCdDv1234567890VxXyYzZ"'
OID = "1.2.840.113549.1.1.11"
EKUS = [ObjectIdentifier("1.3.6.1.4.1.311.101.2"),
        ObjectIdentifier("1.3.6.1.4.1.311.101")]


class File(NamedTuple):
    name: str
    data: bytes
    pair: bool = False     # announced twice, as the vendor's SDK does


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def utc() -> str:
    return datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")


def self_signed(key) -> x509.Certificate:
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME,
                                        "ConfigMgr Client Messaging")])
    now = datetime.datetime.utcnow()
    day = datetime.timedelta(days=1)
    return (x509.CertificateBuilder().subject_name(who).issuer_name(who)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day).not_valid_after(now + 300 * day)
            .add_extension(x509.ExtendedKeyUsage(EKUS), False)
            .sign(key, hashes.SHA256()))


def report_file(text: str, name: str = "") -> File:
    """A report as an attachment."""
    return File(name or str(uuid.uuid4()), b"\xff\xfe" + wide(text))


class Sender:
    def __init__(self, name: str = "PC1",
                 key: Optional[rsa.RSAPrivateKey] = None,
                 cert: Optional[x509.Certificate] = None):
        self.name = name
        self.key = key or rsa.generate_private_key(65537, 2048)
        self.cert = cert or self_signed(self.key)
        self.smsid = ""
        self.source = ""       # another SourceID: the proxy's
        self.tls = False

    def hex_cert(self) -> str:
        return self.cert.public_bytes(
            serialization.Encoding.DER).hex().upper()

    def sign(self, data: bytes, sha1: bool = False) -> str:
        name = "sha1" if sha1 else "sha256"
        value = self.key.sign(
            hashlib.new(name, data).digest(), padding.PKCS1v15(),
            utils.Prehashed(hashes.SHA1() if sha1 else hashes.SHA256()))
        return bytes(reversed(value)).hex().upper()

    def blob(self) -> str:
        n = self.key.public_key().public_numbers()
        return (bytes.fromhex("0602000000A4000052534131") + (2048).to_bytes(
            4, "little") + n.e.to_bytes(4, "little")
            + n.n.to_bytes(256, "little")).hex().upper()

    def client_auth(self, payload: bytes, source: str) -> str:
        rows = (("AuthSenderMachine", self.name), ("PublicKey", self.blob()),
                ("ClientIDSignature", self.sign(wide(source + "\0"))),
                ("PayloadSignature", self.sign(payload)),
                ("ClientCapabilities", "SSL" if self.tls else "NonSSL"),
                ("HashAlgorithm", OID))
        return '<Hook2 Name="clientauth">' + "".join(
            f'<Property Name="{name}">{value}</Property>'
            for name, value in rows) + "</Hook2>"

    def message(self, endpoint: str, body: str, *, sign: bool = True,
                files: Sequence[File] = (), compress: bool = True,
                encrypt: Sequence[str] = (), reply: str = "Async",
                kind: str = "", named: bool = True, message_id: str = "",
                spoil=None, clear: bytes = b"", tail: bytes = b"") -> bytes:
        """The whole HTTP request. encrypt: arguments of openssl(1) cms;
        kind: FileType; spoil changes the Msg text; clear is a ready payload,
        and tail follows it when it is compressed."""
        first = clear.removesuffix(b"\r\n") or wide(body + "\0")
        clear = clear or first + b"".join(f.data for f in files) + b"\r\n"
        payload = zlib.compress(clear) + tail if compress else clear
        source = (self.source or self.smsid) if named else ""
        hooks = self.client_auth(payload, source) if sign else ""
        hooks += '<Hook3 Name="zlib-compress" />' if compress else ""
        if encrypt:
            hooks += '<Hook2 Name="encrypt" />'
            payload = encrypted(payload, encrypt)
        text = ('<Msg ReplyCompression="zlib" SchemaVersion="1.1">'
                + announced(files, len(first))
                + f'<Body Type="ByteRange" Length="{len(first)}" Offset="0" '
                "/><CorrelationID>{00000000-0000-0000-0000-000000000000}"
                f"</CorrelationID><Hooks>{hooks}</Hooks><ID>"
                + (message_id or "{" + str(uuid.uuid4()).upper() + "}")
                + '</ID><Payload Type="inline" /><Priority>0</Priority>'
                + (f'<Property Name="FileType" Value="{kind}" />'
                   if kind else "")
                + f"<Protocol>http</Protocol><ReplyMode>{reply}</ReplyMode>"
                f"<ReplyTo>direct:{self.name}:Tests</ReplyTo>"
                f"<SentTime>{utc()}</SentTime>"
                + (f"<SourceID>{source}</SourceID>" if source else "")
                + f"<SourceHost>{self.name}</SourceHost>"
                f"<TargetAddress>mp:{endpoint}</TargetAddress>"
                f"<TargetEndpoint>{endpoint}</TargetEndpoint>"
                "<TargetHost>localhost</TargetHost>"
                "<Timeout>60000</Timeout></Msg>")
        return posted(b"\r\n".join((
            EDGE, b"content-type: text/plain; charset=UTF-16", b"",
            b"\xff\xfe" + wide(spoil(text) if spoil else text), EDGE,
            b"content-type: application/octet-stream", b"", payload,
            EDGE + b"--")))

    def registration(self, what: str = "Registration", *, agent: str = "0",
                     proxy: str = "", signer: Optional[Sender] = None,
                     internet: str = "0", hint: str = "", more: str = "",
                     smsid: str = "", key_type: str = "1",
                     message_id: str = "", certificates: Sequence[str] = (
                         "Encryption", "Signing"), spoil=None) -> bytes:
        certs = "".join(f'<{name} Encoding="HexBinary" KeyType="{key_type}">'
                        f"{self.hex_cert()}</{name}>"
                        for name in certificates)
        inner = "" if what == "Confirmation" else (
            f"<Certificates>{certs}</Certificates><DiscoveryProperties>"
            f'<Property Name="Netbios Name" Value="{self.name}" />'
            '<Property Name="FQ Name" Value="pc1.example.test" />'
            '<Property Name="Locale ID" Value="1033" />'
            f'<Property Name="InternetFlag" Value="{internet}" />{more}'
            "</DiscoveryProperties>")
        if hint:
            inner += f"<RegistrationHint>{hint}</RegistrationHint>"
        data = (f'<Data HashAlgorithm="{OID}" SMSID="{smsid}" '
                f'RequestType="{what}" TimeStamp="{utc()}">'
                '<AgentInformation AgentIdentity="tests" AgentVersion="1.0" '
                f'AgentType="{agent}" />{inner}</Data>')
        data = spoil(data) if spoil else data
        value = (signer or self).sign(wide(data))
        mark = f' SMSID="{proxy}"' if proxy else ""
        return self.message(
            "MP_ClientRegistration",
            f"<ClientRegistrationRequest>{data}<Signature{mark}>"
            f"<SignatureValue>{value}</SignatureValue></Signature>"
            "</ClientRegistrationRequest>", sign=False, reply="Sync",
            named=False, message_id=message_id)


def announced(files: Sequence[File], at: int) -> str:
    rows = ""
    for file in files:
        size = f'Length="{len(file.data)}" Name="{file.name}"'
        if file.pair:
            rows += f'<Attachment Type="ByteRange" {size} Offset="0" />'
            rows += f'<Attachment {size} Offset="{at}" />'
        else:
            rows += f'<Attachment Type="ByteRange" {size} Offset="{at}" />'
        at += len(file.data)
    return rows


def encrypted(data: bytes, arguments: Sequence[str]) -> bytes:
    done = subprocess.run(
        ["/usr/bin/openssl", "cms", "-encrypt", "-binary", "-outform", "DER",
         *arguments], input=data, capture_output=True, timeout=60,
        check=False)
    if done.returncode:
        raise ValueError(done.stderr.decode("utf-8", "replace"))
    return done.stdout


def posted(body: bytes, path: str = "/ccm_system/request",
           fields: Sequence[str] = ()) -> bytes:
    head = [f"CCM_POST {path} HTTP/1.1",
            "User-Agent: ConfigMgr Messaging HTTP Sender",
            f"Content-Type: {TYPE}", f"Content-Length: {len(body)}",
            "Host: localhost", *fields]
    return "\r\n".join(head).encode("ascii") + b"\r\n\r\n" + body


