"""The rules of frame, envelope, payload, registration and policy requests,
each broken once; and no check may be without a test.
"""

from __future__ import annotations

import re
import unittest
from pathlib import Path
from typing import Callable, Optional

import samples
import scene
import sender
from sender import report_file, wide

HERE = Path(__file__).resolve().parent
NAMES = re.compile(r'(?:check|equal)\(\s*f?"([a-z_]+\.[a-z_]+)"')
GUID = "{AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE}"
# In the Msg text: what is replaced, by what, the checks that fail.
ENVELOPE = (
    ('<Payload Type="inline" />', '<Payload Type="http" />', "msg.payload"),
    ("<Protocol>http<", "<Protocol>https<", "msg.protocol"),
    ("<Timeout>60000<", "<Timeout>soon<", "msg.timeout"),
    ("<ReplyTo>direct:", "<ReplyTo>", "msg.reply_to"),
    ("<CorrelationID>{0", "<CorrelationID>{1", "msg.correlation_id"),
    ('Offset="0" />', 'Offset="2" />', "msg.body"),
    ("<Priority>0</Priority>", "", "msg.required msg.priority"),
    ("<Priority>0</Priority>", "<Priority>0</Priority>" * 2, "msg.once"),
    ("<Msg ", '<?xml version="1.0"?><Msg ', "msg.no_declaration"),
    ("</Msg>", "</Msg>\0", "msg.no_nul"),
    ('<Hook3 Name="zlib-compress" />', '<Hook3 Name="zlib-compress">'
     '<Property Name="x">1</Property></Hook3>', "msg.hook_properties"),
    ('<Property Name="ClientCapabilities">NonSSL</Property>', "",
     "auth.properties auth.capabilities"),
    (f'"HashAlgorithm">{sender.OID}<', '"HashAlgorithm">1.2.3<',
     "auth.hash_algorithm"),
    ("PC1</Property>", "PC1X</Property>", "auth.sender_machine"),
    ("Endpoint>MP_RelayEndpoint<", "Endpoint>MP_Elsewhere<",
     "msg.target_endpoint msg.target_address"),
    ("<TargetHost>localhost<", "<TargetHost>elsewhere<", "msg.target_host"),
    ("<SourceHost>PC1<", "<SourceHost>pc1.example.test<",
     "msg.source_host auth.sender_machine"),
)
# In the raw request.
FRAME = (
    (b"VxXyYzZ", b"VxXyYz9", -1, "framing.boundary http.content_type"),
    (b"User-Agent: ConfigMgr", b"User-Agent: Konfigmgr", 1,
     "http.user_agent"),
    (b"Host: localhost", b"Host: localhost\r\nHost: localhost", 1,
     "http.host"),
    (b"Host: localhost", b"Host: localhost\r\nExpect: 200-ok", 1,
     "http.no_expect"),
    (b"HTTP/1.1", b"HTTP/1.0", 1, "http.version"),
)
DATA = (
    ('Name="Netbios Name" Value="PC1"', 'Name="Netbios Name" Value="a.b"',
     "registration.netbios_name"),
    ('Name="Locale ID" Value="1033"', 'Name="Locale ID" Value="en"',
     "registration.locale"),
    ('Name="InternetFlag" Value="0"', 'Name="InternetFlag" Value="7"',
     "registration.internet_flag registration.internet_mode"),
    ('Name="FQ Name"', 'Name="Full Name"', "registration.properties"),
    ('AgentType="0"', 'AgentType="99"', "registration.agent"),
    ('Encoding="HexBinary"', 'Encoding="base64"',
     "registration.encryption_encoding"),
    (' SMSID=""', ' SMSID="me"', "registration.smsid"),
    (' SMSID=""', ' SMSID="" Odd=""', "registration.attributes"),
    ('TimeStamp="2', 'TimeStamp="', "registration.timestamp"),
    (sender.OID, "1.2.3", "registration.hash_algorithm"),
)
REQUEST = ('<RequestAssignments SchemaVersion="1.00" ACK="false" '
           'RequestType="Full"><Identification><Machine><ClientID>{0}'
           "</ClientID><FQDN>pc1.example.test</FQDN><NetBIOSName>PC1"
           "</NetBIOSName><SID /></Machine><User /></Identification>"
           "<PolicySource>SMS:PRI</PolicySource><Resource ResourceType="
           '"Machine" /><ServerCookie /></RequestAssignments>')
ASSIGNMENTS = (
    ('SchemaVersion="1.00"', 'SchemaVersion="2"', "assignments.schema"),
    ('ACK="false"', 'ACK="maybe"', "assignments.ack"),
    ('RequestType="Full"', 'RequestType="All"', "assignments.request_type"),
    ('RequestType="Full"', 'RequestType="Full" ValidationRequest="MD5"',
     "assignments.validation"),
    ("<FQDN>pc1.example.test</FQDN>", "<FQDN />", "assignments.machine"),
    ("SMS:PRI", "SMS:QQQ", "assignments.source"),
    ('"Machine" />', '"Printer" />', "assignments.resource"),
    ("<ClientID>GUID", "<ClientID>GUIE", "assignments.client"),
)


class Rules(scene.Scene):
    def setUp(self) -> None:
        super().setUp()
        self.enrolled()

    def state(self, spoil: Optional[Callable[[str], str]] = None) -> bytes:
        return self.me.message("MP_RelayEndpoint", samples.state(
            self.me.smsid), kind="SMX", spoil=spoil)

    def test_each_rule_of_the_envelope(self) -> None:
        for old, new, checks in ENVELOPE:
            with self.subTest(old, new=new):
                def change(text: str) -> str:
                    self.assertIn(old, text)
                    return text.replace(old, new, 1)
                self.fails(self.state(change), *checks.split())

    def test_each_rule_of_the_frame(self) -> None:
        for old, new, count, checks in FRAME:
            with self.subTest(new):
                raw = self.state()
                self.assertIn(old, raw)
                self.fails(raw.replace(old, new, count), *checks.split())

    def framed(self, change: Callable[[bytes], bytes]) -> bytes:
        """A request whose body is changed, with the right length."""
        head, _, body = self.state().partition(b"\r\n\r\n")
        after = change(body)
        self.assertNotEqual(body, after)
        return head.replace(f": {len(body)}\r\n".encode(),
                            f": {len(after)}\r\n".encode()) \
            + b"\r\n\r\n" + after

    def test_what_is_around_the_parts(self) -> None:
        self.fails(self.framed(lambda b: b + b"\r\n"), "framing.no_epilogue")
        self.fails(self.framed(lambda b: b"x\r\n" + b),
                   "framing.no_preamble")
        part = (b"\r\n" + sender.EDGE + b"\r\ncontent-type: x/y\r\n\r\nz\r\n"
                + sender.EDGE + b"--")
        self.fails(self.framed(lambda b: b[:-len(sender.EDGE) - 4] + part),
                   "well_formed")
        raw = self.state().replace(
            b"Content-Length: ", b"Transfer-Encoding: chunked\r\nX-Was: ")
        head, _, body = raw.partition(b"\r\n\r\n")
        self.fails(head + b"\r\n\r\n%x\r\n" % len(body) + body
                   + b"\r\n0\r\n\r\n", "http.content_length")

    def test_the_ends_of_the_payload(self) -> None:
        """Made by hand: the sender would not do this."""
        text = samples.state(self.me.smsid)
        for clear, more, checks in (
                (wide(text + "\0"), b"", "payload.crlf"),
                (b"\xff\xfe" + wide(text + "\0") + b"\r\n", b"",
                 "payload.no_bom"),
                (wide(text) + b"\r\n", b"", "payload.nul"),
                (wide(text + "\0\0") + b"\r\n", b"", "payload.nul"),
                (wide(text + "\0") + b"\r\n", b"tail",
                 "payload.zlib_whole")):
            with self.subTest(checks):
                raw = self.me.message(
                    "MP_RelayEndpoint", "", kind="SMX",
                    clear=clear, tail=more)
                self.fails(raw, *checks.split())

    def test_declarations_and_hooks_out_of_order(self) -> None:
        head = samples.hinv(self.me.smsid, False)
        file = report_file(samples.hinv(self.me.smsid))
        self.fails(self.me.message("MP_HinvEndpoint",
                                   '<?xml version="1.0"?>' + head,
                                   files=[file]), "payload.no_declaration")

        def swap(text: str) -> str:
            hook = '<Hook3 Name="zlib-compress" />'
            return text.replace(hook, "").replace("<Hooks>",
                                                  "<Hooks>" + hook)

        self.fails(self.state(swap), "msg.hook_order")
        self.fails(self.me.message(
            "MP_HinvEndpoint", head.replace("<Description>Hardware"
                                            "</Description>", ""),
            files=[file]), "report.action", "report.action_description",
            "report.header_copy")

    def test_each_rule_of_a_registration(self) -> None:
        for old, new, checks in DATA:
            with self.subTest(old, new=new):
                self.point = self.make()
                raw = self.me.registration(
                    spoil=lambda d: d.replace(old, new, 1))
                self.assertNotEqual(self.me.registration(), raw)
                self.fails(raw, *checks.split())

    def test_an_ec_key_has_no_room(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec
        cert = sender.self_signed(ec.generate_private_key(ec.SECP256R1()))
        raw = sender.Sender("PC5", self.me.key, cert).registration()
        reply, _ = self.fails(raw, "registration.rsa")
        self.assertEqual(reply.body, b"")

    def test_confirmations_are_short_and_keep_their_id(self) -> None:
        self.point = self.make(pending=1)
        self.enrolled(message_id=GUID)

        def raw(**options) -> bytes:
            return self.me.registration(
                "Confirmation", smsid=self.me.smsid, proxy=self.me.smsid,
                **{"message_id": GUID, **options})

        head = samples.hinv(self.me.smsid, False)
        reply, _ = self.fails(self.me.message(
            "MP_HinvEndpoint", head,
            files=[report_file(samples.hinv(self.me.smsid))]),
            "identity.confirmed")
        self.assertEqual(reply.body, b"")
        self.fails(raw(message_id=""), "confirmation.message_id")
        self.fails(raw(hint="x"), "confirmation.short")
        self.sound(raw())

    def test_each_rule_of_a_policy_request(self) -> None:
        good = REQUEST.format(self.me.smsid)
        self.sound(self.me.message("MP_PolicyManager", good, reply="Sync"))
        for old, new, checks in ASSIGNMENTS:
            with self.subTest(old, new=new):
                self.assertIn(old, good)
                self.fails(self.me.message(
                    "MP_PolicyManager", good.replace(old, new, 1),
                    reply="Sync"), *checks.split())

    def get(self, target: str, *fields: str, body: str = "") -> bytes:
        lines = [f"GET {target} HTTP/1.1", "Host: localhost",
                 "User-Agent: ConfigMgr Messaging HTTP Sender",
                 f"Content-Length: {len(body)}", *fields]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("ascii")

    def test_each_rule_of_a_download(self) -> None:
        mplist, pol = "/SMS_MP/.sms_aut?MPLIST", "/SMS_MP/.sms_pol?"
        token = f"ClientToken: {self.me.smsid}"
        for raw, checks in (
                (self.get(mplist + "&XYZ"), "get.site"),
                (self.get("/SMS_MP/.sms_aut?SECRETS"), "get.keyword"),
                (self.get(mplist, body="x"), "http.no_body"),
                (self.get(mplist + "{}"), "http.encoded get.keyword"),
                (self.get(pol + "%7BX%7D.1_00"), "get.policy"),
                (self.get(pol + "%7BX%7D.1_00", token),
                 "get.policy identity.fields"),
                (self.get(pol + "%7BX%7D.1_00", "CCMClientID: {X}",
                          "CCMClientTimestamp: now"),
                 "get.policy identity.fields identity.id "
                 "identity.timestamp identity.known")):
            with self.subTest(checks):
                self.fails(raw, *checks.split())

    def test_collections_and_metering_in_detail(self) -> None:
        total = "<CollectedFileSum>1</CollectedFileSum>"
        text = samples.files(self.me.smsid, ())
        self.assertIn(total, text)
        for new, check in ((text.replace(total, "").replace(
                "<ReportBody>", "<ReportBody>" + total), "files.order"),
                           (text.replace(total, total + "<Odd />"),
                            "files.name")):
            self.fails(self.me.message("MP_SinvCollFileEndpoint", new),
                       check)
        text = samples.metering(self.me.smsid)
        for new, check in ((re.sub("<Software.*</SoftwareFileInfo>", "",
                                   text), "metering.files"),
                           (text.replace(' Status="9"', ""),
                            "metering.data metering.status")):
            self.fails(self.me.message("MP_RelayEndpoint", new, kind="SWM"),
                       *check.split())


    def test_the_request_before_a_large_upload(self) -> None:
        good = (f'<UploadRequest NetworkType="Intranet"><MessageID>{GUID}'
                "</MessageID></UploadRequest>")
        for old, new, check in (
                ("", "", ""), ("Intranet", "Moon", "bits.schema"),
                (GUID, "{1}", "bits.message_id"),
                ("UploadRequest", "Upload", "well_formed")):
            with self.subTest(new):
                body = b"\r\n".join((
                    sender.EDGE, b"content-type: text/plain; charset=UTF-16",
                    b"", b"\xff\xfe" + wide(good.replace(old, new)),
                    sender.EDGE + b"--"))
                reply, verdict = self.fails(sender.posted(body),
                                            *check.split())
                self.assertEqual(verdict.kind, "upload-request")
                self.assertEqual(reply.status,
                                 400 if check == "well_formed" else 200)


class Complete(unittest.TestCase):
    def test_every_check_is_seen_failing_in_some_test(self) -> None:
        tests = "".join(path.read_text(encoding="utf-8")
                        for path in HERE.glob("test_*.py"))
        named = set(re.findall(r"[a-z_]+\.[a-z_]+", tests))
        missing = {}
        for path in HERE.glob("*.py"):
            if path.name.startswith("test_"):
                continue
            for name in NAMES.findall(path.read_text(encoding="utf-8")):
                if name not in named and name not in QUIET:
                    missing[name] = path.name
        self.assertEqual(missing, {})


# They never fail: they only say that something was there.
QUIET = {"framing.parts", "payload.compressed", "identity.present"}


if __name__ == "__main__":
    unittest.main()
