"""A client for the self-test: registers, polls, lists and downloads, with a
soft key and Python's own TLS. Checks nothing; openssl(1) is its CMS, so that
cms.py is not tested against itself.
"""

from __future__ import annotations

import datetime
import http.client
import ssl
import subprocess
import tempfile
import uuid
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import framing
import reply
import signature
import xmltext

OID = "1.2.840.113549.1.1.11"
POST = "/ccm_system/request"


@dataclass
class Answer:
    status: int
    content_type: str
    body: bytes

    def parts(self) -> tuple[ElementTree.Element, bytes]:
        """Msg and payload of a message reply."""
        pieces = self.body.split(b"--" + framing.BOUNDARY.encode())
        texts = [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
                 for piece in pieces[1:3]]
        return ElementTree.fromstring(texts[0].decode("utf-16")), texts[1]

    def hook(self) -> dict[str, str]:
        root = self.parts()[0]
        return {prop.get("Name", ""): prop.text or "" for prop in
                root.findall("Hooks/Hook[@Name='authenticate']/Property")}

    def xml(self) -> str:
        text = zlib.decompress(self.parts()[1]).decode("utf-16")
        return text.removesuffix("\0")


def new_id() -> str:
    return "{" + str(uuid.uuid4()).upper() + "}"


def openssl(*arguments: str) -> tuple[bool, bytes]:
    done = subprocess.run(["/usr/bin/openssl", *arguments],
                          capture_output=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout


def decrypted(data: bytes, key: Path, cert: Path) -> Optional[bytes]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        good, clear = openssl("cms", "-decrypt", "-inform", "DER", "-binary",
                              "-in", file.name, "-inkey", str(key),
                              "-recip", str(cert))
    return clear if good else None


def verified(answer: Answer, pinned: Optional[Path]) -> bool:
    """Is the reply signed by the pinned certificate, or, without one, by
    the one that it brings along?"""
    _, payload = answer.parts()
    with tempfile.TemporaryDirectory() as directory:
        cms, content = Path(directory, "cms"), Path(directory, "content")
        cms.write_bytes(bytes.fromhex(answer.hook()["Signature"]))
        content.write_bytes(payload)
        whose = ["-nointern", "-certfile", str(pinned)] if pinned else []
        good, _ = openssl("cms", "-verify", "-binary", "-noverify",
                          "-inform", "DER", "-in", str(cms),
                          "-content", str(content), *whose)
    return good


class Probe:
    def __init__(self, directory: Path, issue, name: str = "CLIENT1"):
        """issue turns a PEM request into a PEM certificate."""
        self.name = name
        self.key = rsa.generate_private_key(65537, 2048)
        self.key_path = directory / (name + ".key")
        self.cert_path = directory / (name + ".pem")
        self.key_path.write_bytes(self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        subject = x509.Name([x509.NameAttribute(
            x509.oid.NameOID.COMMON_NAME, name.lower() + ".example.test")])
        csr = x509.CertificateSigningRequestBuilder().subject_name(
            subject).sign(self.key, hashes.SHA256())
        self.cert_path.write_bytes(issue(csr.public_bytes(
            serialization.Encoding.PEM)))
        self.cert = x509.load_pem_x509_certificate(
            self.cert_path.read_bytes())
        self.smsid = ""
        self.message_id = ""
        self.connection: Optional[http.client.HTTPConnection] = None

    def connect(self, port: int, ca: Optional[Path], host: str = "localhost",
                newest: Optional[ssl.TLSVersion] = None,
                timeout: float = 20) -> None:
        self.close()
        if ca is None:
            self.connection = http.client.HTTPConnection(host, port, timeout)
            return
        ctx = ssl.create_default_context(cafile=str(ca))
        ctx.load_cert_chain(self.cert_path, self.key_path)
        if newest:
            ctx.maximum_version = newest
        self.connection = http.client.HTTPSConnection(
            host, port, timeout=timeout, context=ctx)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def send(self, method: str, target: str, fields: dict[str, str],
             body: bytes = b"") -> Answer:
        link = self.connection
        assert link is not None
        try:
            link.putrequest(method, target, skip_accept_encoding=True)
            link.putheader("User-Agent", framing.USER_AGENT)
            link.putheader("Content-Length", str(len(body)))
            for name, value in fields.items():
                link.putheader(name, value)
            link.endheaders(body)
            got = link.getresponse()
            return Answer(got.status, got.getheader("Content-Type") or "",
                          got.read())
        except (OSError, http.client.HTTPException):
            link.close()
            raise

    def post(self, endpoint: str, xml: str, signed: bool,
             message_id: str = "") -> Answer:
        link = self.connection
        assert link is not None
        clear = signature.u16z(xml)
        payload = zlib.compress(clear + b"\r\n")
        hooks, source = "", ""
        if signed:
            source = xmltext.tag("SourceID", {}, self.smsid)
            hooks = self.client_auth(payload, isinstance(
                link, http.client.HTTPSConnection))
        message_id = message_id or new_id()
        text = (
            '<Msg ReplyCompression="zlib" SchemaVersion="1.1">'
            f'<Body Type="ByteRange" Length="{len(clear)}" Offset="0" />'
            "<CorrelationID>{00000000-0000-0000-0000-000000000000}"
            f'</CorrelationID><Hooks>{hooks}<Hook3 Name="zlib-compress" />'
            f"</Hooks><ID>{message_id}</ID>"
            '<Payload Type="inline" /><Priority>0</Priority>'
            "<Protocol>http</Protocol><ReplyMode>Sync</ReplyMode>"
            f"<ReplyTo>direct:{self.name}:Probe</ReplyTo>"
            f"<SentTime>{reply.now()}</SentTime>{source}"
            f"<SourceHost>{self.name}</SourceHost>"
            f"<TargetAddress>mp:{endpoint}</TargetAddress>"
            f"<TargetEndpoint>{endpoint}</TargetEndpoint>"
            f"<TargetHost>{link.host}</TargetHost>"
            "<Timeout>60000</Timeout></Msg>")
        body = framing.join(b"\xff\xfe" + signature.u16(text), payload)
        return self.send("CCM_POST", POST,
                         {"Content-Type": framing.CONTENT_TYPE}, body)

    def client_auth(self, payload: bytes, tls: bool) -> str:
        values = {
            "AuthSenderMachine": self.name,
            "PublicKey": signature.blob(self.key.public_key()),
            "ClientIDSignature": signature.sign(
                self.key, signature.u16z(self.smsid)),
            "PayloadSignature": signature.sign(self.key, payload),
            "ClientCapabilities": "SSL" if tls else "NonSSL",
            "HashAlgorithm": OID}
        return xmltext.tag("Hook2", {"Name": "clientauth"}, *(
            xmltext.tag("Property", {"Name": name}, value)
            for name, value in values.items()))

    def data(self, what: str, inner: str) -> str:
        agent = xmltext.tag("AgentInformation", {
            "AgentIdentity": "probe", "AgentVersion": "5.00.8325.0000",
            "AgentType": "0"})
        text = xmltext.tag("Data", {
            "HashAlgorithm": OID, "SMSID": self.smsid, "RequestType": what,
            "TimeStamp": reply.now()}, agent, inner)
        value = signature.sign(self.key, signature.u16(text))
        who = {"SMSID": self.smsid} if self.smsid else {}
        return xmltext.tag("ClientRegistrationRequest", {}, text, xmltext.tag(
            "Signature", who, xmltext.tag("SignatureValue", {}, value)))

    def register(self) -> Answer:
        self.smsid, self.message_id = "", new_id()
        hexed = self.cert.public_bytes(
            serialization.Encoding.DER).hex().upper()
        certs = "".join(xmltext.tag(
            name, {"Encoding": "HexBinary", "KeyType": "2"}, hexed)
            for name in ("Encryption", "Signing"))
        properties = "".join(xmltext.tag(
            "Property", {"Name": name, "Value": value}) for name, value in (
                ("Netbios Name", self.name),
                ("FQ Name", self.name.lower() + ".example.test"),
                ("Locale ID", "1033"), ("InternetFlag", "0")))
        return self.post("MP_ClientRegistration", self.data(
            "Registration", xmltext.tag("Certificates", {}, certs)
            + xmltext.tag("DiscoveryProperties", {}, properties)), False,
            self.message_id)

    def confirm(self) -> Answer:
        return self.post("MP_ClientRegistration",
                         self.data("Confirmation", ""), False,
                         self.message_id)

    def enrol(self) -> None:
        """Registered, whatever it takes."""
        root = ElementTree.fromstring(self.register().xml())
        self.smsid = root.attrib["SMSID"]
        while root.attrib["Status"] != "0":
            root = ElementTree.fromstring(self.confirm().xml())

    def assignments(self) -> Answer:
        return self.post("MP_PolicyManager", (
            '<RequestAssignments SchemaVersion="1.00" ACK="false" '
            'RequestType="Always"><Identification><Machine>'
            f"<ClientID>{self.smsid}</ClientID><FQDN>localhost</FQDN>"
            f"<NetBIOSName>{self.name}</NetBIOSName><SID /></Machine><User />"
            "</Identification><PolicySource>SMS:PRI</PolicySource>"
            '<Resource ResourceType="Machine" /><ServerCookie />'
            "</RequestAssignments>"), True)

    def download(self, target: str, identify: bool = True) -> Answer:
        stamp = datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = {}
        if identify:
            fields = {
                "CCMClientID": self.smsid,
                "CCMClientIDSignature": signature.sign(
                    self.key, signature.u16z(self.smsid)),
                "CCMClientTimestamp": stamp,
                "CCMClientTimestampSignature": signature.sign(
                    self.key, signature.u16z(stamp))}
        return self.send("GET", target.replace("{", "%7B").replace(
            "}", "%7D"), fields)
