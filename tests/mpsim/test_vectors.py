"""Every recorded request of independent clients is accepted byte for byte,
through the same code as a request from a socket.

Each case names the checks that its client is known to fail; the list is the
documentation of where tools differ from the vendor's SDK. No other check may
be false, and a check that is listed must be false.
"""

from __future__ import annotations

import io
import random
import tempfile
import unittest
import zlib
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization

import certificates
import clients
import request as http
import signature
from checks import Malformed, Verdict
from point import Point
from policy import PERSIST_WHOLE, REQUIRES_AUTH, SECRET, Policy
from reply import Reply

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
SMSID = "GUID:0D5A4B1C-1111-2222-3333-444455556666"
PROXY = "GUID:AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE"
# The bodies that the recorded clients asked for.
POLICIES = (Policy(1, "NAAConfig", REQUIRES_AUTH | SECRET, named="{P1}",
                   user="EXAMPLE\\vector"),
            Policy(2, "Plain", PERSIST_WHOLE, named="{P2}"))
SELF, PKI = "sdk/client-selfsigned.pem", "sdk/client-pki.pem"
WTF = "sccmwtf/client-cert.pem"
SECRETS = "sccmsecrets-aes/client-cert.pem"


class Case(NamedTuple):
    folder: str
    kinds: tuple[str, ...]     # of its requests, in order
    cert: str = SELF
    tls: bool = False
    digest: str = "sha256"
    proxy: str = ""
    pending: bool = False      # not confirmed before the first request
    differs: dict[int, set[str]] = {}  # request: checks that are false


REGISTERED = ("registration", "confirmation")
CASES = (
    Case("sdk/01-register-pending-confirm", REGISTERED, pending=True),
    Case("sdk/02-register-windowsauth", REGISTERED, pending=True),
    Case("sdk/04-register-sha1", REGISTERED, pending=True),
    Case("sdk/05-register-isvproxy-client", REGISTERED, proxy=PROXY,
         pending=True),
    Case("sdk/08-register-https-pki", REGISTERED, PKI, True, pending=True),
    Case("sdk/10-policy-request", ("assignments",)),
    Case("sdk/11-policy-request-sha1", ("assignments",), digest="sha1"),
    Case("sdk/15-policy-request-https-pki", ("assignments",), PKI, True),
    Case("sdk/16-policy-body-plain", ("assignments", "policy")),
    Case("sdk/17-policy-body-secret-headers",
         ("assignments", "policy", "policy")),
    Case("sdk/20-ddr", ("ddr",)),
    Case("sdk/21-hinv", ("hinv",)),
    Case("sdk/23-sinv", ("sinv",)),
    Case("sdk/24-state", ("state",)),
    Case("sdk/26-status", ("status",)),
    Case("sdk/27-fsp-state", ("fsp",)),
    Case("sdk/30-hinv-encrypted", ("document", "document", "hinv")),
    Case("sdk/33-bits-uploadrequest", ("upload-request",)),
    Case("sdk/40-mplist", ("document",) * 3),
    Case("sdk/41-mpkeyinformationex", ("document",)),
    Case("sdk/42-mptrk", ("document",)),
    Case("sdk/43-mpcert", ("document",)),
    Case("sdk/44-mpcert2", ("document",)),
    Case("sdk/50-loc-assignedsite", ("location",)),
    Case("sdk/51-loc-siteinfo", ("location",)),
    Case("sdk/52-loc-content", ("location",)),
    Case("sdk/70-policybody-cms-3des", ("assignments", "policy", "policy")),
    # TargetHost carries the port; the first download is an experiment of the
    # tool's: a secret policy without identity.
    Case("sccmwtf", ("registration", "assignments", "policy", "policy"), WTF,
         differs={1: {"msg.target_host"}, 2: {"msg.target_host"},
                  3: {"identity.given"}}),
    # TargetHost is a URL; SourceHost of the registration is an FQDN.
    Case("sccmsecrets-aes", ("registration", "assignments", "policy"),
         SECRETS, differs={1: {"msg.target_host", "msg.source_host"},
                           2: {"msg.target_host"}}),
)


def load(path: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((VECTORS / path).read_bytes())


def recorded(folder: str) -> list[http.Request]:
    requests = []
    for path in sorted((VECTORS / folder).glob("*-request.http")):
        request = http.read(io.BytesIO(path.read_bytes()))
        assert request is not None
        requests.append(request)
    return requests


def damage(request: http.Request, dice: random.Random) -> None:
    """Changes a few bytes, in the payload also under its compression."""
    start = request.body.find(b"\x58\x85")
    if start > 0 and dice.random() < 0.7:
        end = request.body.rfind(b"\r\n--")
        clear = bytearray(zlib.decompress(request.body[start:end]))
        scratch(clear, dice)
        request.body = (request.body[:start] + zlib.compress(clear)
                        + request.body[end:])
    elif request.body:
        body = bytearray(request.body)
        scratch(body, dice)
        request.body = bytes(body)
    else:
        at = dice.randrange(len(request.fields))
        name, value = request.fields[at]
        text = bytearray(value.encode("latin-1"))
        scratch(text, dice)
        request.fields[at] = (name, text.decode("latin-1"))


def scratch(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.randrange(1, 4)):
        if not data:
            return
        at = dice.randrange(len(data))
        what = dice.randrange(3)
        if what == 0:
            data[at] = dice.randrange(256)
        elif what == 1:
            del data[at & ~1:(at & ~1) + 2 * dice.randrange(1, 30)]
        else:
            data[at & ~1:at & ~1] = dice.choice(
                (b"<\0", b"\0\0", b'"\0', b"\xff\xfe", b"9\0" * 30))


class Fixture(unittest.TestCase):
    """A management point that knows a case's client; no test of its own."""
    store: certificates.Store
    lab: certificates.Pair

    @classmethod
    def setUpClass(cls) -> None:
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.store = certificates.Store(Path(directory.name))
        cls.store.complete()
        key = serialization.load_pem_private_key(
            (VECTORS / "sdk/mp-enc-LABKEY.key").read_bytes(), None)
        cls.lab = certificates.Pair(load("sdk/mp-enc.pem"), key)

    def point(self, case: Case) -> Point:
        """A management point that knows the case's client."""
        registry = clients.Registry()
        hexed = clients.der_hex(load(case.cert))
        netbios = "CLIENT1"
        registry.put(clients.Client(
            SMSID, hexed, hexed, case.digest, proxy=case.proxy,
            netbios=netbios, pending=0, confirmed=not case.pending))
        if case.proxy:
            registry.put(clients.Client(case.proxy, hexed, hexed,
                                        confirmed=True, agent=clients.PROXY))
        # The SDK does not sign state messages (wire facts 2).
        return Point(self.store, registry, pairs=[self.lab],
                     policies=POLICIES, state_signing="sdk")

    def peer(self, case: Case) -> http.Peer:
        if not case.tls:
            return http.Peer()
        return http.Peer("TLSv1.3", "TLS_AES_256_GCM_SHA384",
                         load(case.cert))

    def judge(self, case: Case) -> list[tuple[Reply, Verdict]]:
        point, peer = self.point(case), self.peer(case)
        return [point.answer(r, peer) for r in recorded(case.folder)]


class Recorded(Fixture):
    def test_every_recorded_request_passes_every_check(self) -> None:
        for case in CASES:
            results = self.judge(case)
            self.assertEqual(len(results), len(case.kinds), case.folder)
            for number, (reply, verdict) in enumerate(results, 1):
                with self.subTest(case.folder, number=number):
                    self.assertEqual(verdict.kind, case.kinds[number - 1])
                    self.assertEqual(set(verdict.failed()), case.differs.get(
                        number, set()), verdict.errors)
                    self.assertGreater(len(verdict.checks), 2)
                    wanted = 403 if "identity.given" in verdict.failed() \
                        else 200
                    self.assertEqual(reply.status, wanted)

    def test_every_folder_of_vectors_has_a_case(self) -> None:
        have = {str(path.parent.relative_to(VECTORS))
                for path in VECTORS.glob("**/*-request.http")}
        # 60 is a reply that the vendor's client accepted.
        self.assertEqual(have - {case.folder for case in CASES},
                         have & {"sdk/60-reply-authenticated-accepted"})

    def test_a_pending_client_ends_registered_under_its_id(self) -> None:
        for case in CASES:
            if not case.pending:
                continue
            with self.subTest(case.folder):
                point, peer = self.point(case), self.peer(case)
                for request in recorded(case.folder):
                    _, verdict = point.answer(request, peer)
                    self.assertEqual(verdict.client_id, SMSID)
                client = point.registry.find(SMSID)
                assert client is not None
                self.assertTrue(client.confirmed)

    def test_headers_are_accepted_bare_and_as_digest_info(self) -> None:
        notes = {case.folder: [v.notes.get("identity")
                               for _, v in self.judge(case)]
                 for case in CASES if "policy" in case.kinds}
        self.assertEqual(notes["sdk/17-policy-body-secret-headers"],
                         [None, "set A, bare", "set A, bare"])
        self.assertEqual(notes["sccmwtf"][-1], "set B, DigestInfo")


# request: what its verdict must note, and checks that must have been made.
READ = {
    "sdk/20-ddr": ({"items": "7", "report": "full"},
                   {"report.header_copy", "instance.class",
                    "auth.payload_signature"}),
    "sdk/21-hinv": ({"items": "2"}, {"report.action_id", "instance.class"}),
    "sdk/23-sinv": ({"items": "0"}, {"report.attachment_name"}),
    "sdk/24-state": ({"items": "1", "report": "full"},
                     {"state.parameters", "upload.file_type"}),
    "sdk/26-status": ({"type": "CCM_Framework_ClientIdUpdated"},
                      {"status.properties", "auth.payload_signature"}),
    "sdk/27-fsp-state": ({"items": "1"}, {"state.topic"}),
    "sdk/30-hinv-encrypted": (
        {"items": "2", "cipher": "3des", "recipients": "1, by key id"},
        {"payload.recipients", "payload.encryption_allowed",
         "auth.payload_signature"}),
    "sdk/33-bits-uploadrequest": ({}, {"bits.message_id"}),
    "sdk/50-loc-assignedsite": ({"request": "AssignedSiteRequest"},
                                {"location.schema"}),
    "sdk/51-loc-siteinfo": ({"request": "SiteInformationRequest"},
                            {"location.site"}),
    "sdk/52-loc-content": ({"request": "ContentLocationRequest"},
                           {"location.package", "location.flags"}),
    "sdk/05-register-isvproxy-client": (
        {}, {"confirmation.signature_smsid"}),
}


class Whole(Fixture):
    """Uploads and locations are read to the end, not waved through."""

    def test_what_is_in_them_was_seen(self) -> None:
        for folder, (notes, checks) in READ.items():
            with self.subTest(folder):
                case = next(c for c in CASES if c.folder == folder)
                reply, verdict = self.judge(case)[-1]
                self.assertEqual({k: verdict.notes.get(k) for k in notes},
                                 notes)
                self.assertEqual({k for k in checks
                                  if verdict.checks.get(k)}, checks)
                if verdict.kind == "location":
                    self.assertEqual(reply.what, notes["request"].replace(
                        "Request", "Reply"))
                elif verdict.kind in ("ddr", "hinv", "sinv", "state",
                                      "status", "fsp"):
                    self.assertEqual(reply.body, b"")

    def test_an_ordinary_client_is_not_anothers_proxy(self) -> None:
        case = next(c for c in CASES if c.proxy)
        point = self.point(case)
        proxy = point.registry.find(PROXY)
        assert proxy is not None
        proxy.agent = "0"
        reply, verdict = point.answer(recorded(case.folder)[0], http.Peer())
        self.assertEqual(verdict.failed(), ["registration.proxy"])
        self.assertEqual(reply.body, b"")

    def test_the_sdks_state_message_is_not_signed_as_documented(self) -> None:
        case = next(c for c in CASES if c.folder == "sdk/24-state")
        point = self.point(case)
        point.state_signing = "documented"
        _, verdict = point.answer(recorded(case.folder)[0], http.Peer())
        self.assertEqual(verdict.failed(), ["auth.present"])

    def test_an_upload_that_is_cut_or_damaged_is_answered(self) -> None:
        dice = random.Random(2)
        for folder in READ:
            case = next(c for c in CASES if c.folder == folder)
            point = self.point(case)
            for request in recorded(folder):
                whole = request.body
                for _ in range(60):
                    request.body = whole
                    damage(request, dice)
                    reply, _ = point.answer(request, http.Peer())
                    self.assertIn(reply.status, (200, 400, 404, 405))


class Spoilt(Fixture):
    """The checks can fail: each change of a good request is found."""

    def spoil(self, folder: str, change, number: int = 0,
              tls: bool = False) -> tuple[Reply, Verdict]:
        case = next(c for c in CASES if c.folder == folder)
        request = recorded(folder)[number]
        change(request)
        peer = http.Peer("TLSv1.2", "x", load(case.cert)) if tls \
            else self.peer(case)
        return self.point(case).answer(request, peer)

    def test_a_changed_envelope_is_found(self) -> None:
        def swap(old: str, new: str):
            def change(request: http.Request) -> None:
                before = request.body
                request.body = before.replace(signature.u16(old),
                                              signature.u16(new), 1)
                self.assertNotEqual(before, request.body, old)
            return change

        for old, new, check in (
                ('Length="726"', 'Length="727"', "payload.length"),
                ("<Priority>0", "<Priority>1", "msg.priority"),
                ("{1C6C108D", "{1c6c108d", "msg.id"),
                ("47Z</Sent", "47</Sent", "msg.sent_time"),
                (">Sync<", ">Async<", "msg.reply_mode"),
                (">mp:MP_", ">mp:XX_", "msg.target_address"),
                (">127.0.0.1</TargetHost", ">127.0.0.2</TargetHost",
                 "msg.target_host"),
                (">NonSSL<", ">SSL<", "auth.capabilities"),
                ("PublicKey\">06020000", "PublicKey\">06020001",
                 "auth.public_key"),
                ('<Hook3 Name="zlib-compress" />',
                 '<Hook2 Name="zlib-compress" />', "msg.hooks"),
                ("</SourceHost>", "</SourceHost><Odd />", "msg.known"),
                ('ReplyCompression="zlib"', 'ReplyCompression="lz"',
                 "msg.attributes"),
                (">CLIENT1</Property>", ">CLIENT2</Property>",
                 "auth.sender_machine")):
            with self.subTest(check):
                _, verdict = self.spoil("sdk/10-policy-request",
                                        swap(old, new))
                self.assertIn(check, verdict.failed())

    def test_a_wrong_signature_is_answered_with_silence(self) -> None:
        def change(request: http.Request) -> None:
            at = request.body.find(signature.u16("PayloadSignature")) + 80
            octet = b"0" if request.body[at:at + 1] != b"0" else b"1"
            request.body = (request.body[:at] + octet
                            + request.body[at + 1:])

        reply, verdict = self.spoil("sdk/10-policy-request", change)
        self.assertIn("auth.payload_signature", verdict.failed())
        self.assertEqual((reply.status, reply.body), (200, b""))

    def test_a_bare_hash_is_refused_in_a_message(self) -> None:
        """The SDK's header field signs the same bytes, without DigestInfo
        (wire facts 3.1)."""
        bare = recorded("sdk/17-policy-body-secret-headers")[1].get(
            "CCMClientIDSignature") or ""

        def change(request: http.Request) -> None:
            mark = signature.u16('"ClientIDSignature">')
            at = request.body.index(mark) + len(mark)
            value = signature.u16(bare)
            request.body = (request.body[:at] + value
                            + request.body[at + len(value):])

        reply, verdict = self.spoil("sdk/10-policy-request", change)
        self.assertEqual(verdict.failed(), ["auth.client_id_signature"])
        self.assertIn("bare", verdict.errors[0])
        self.assertEqual(reply.body, b"")

    def test_an_unknown_client_is_answered_with_silence(self) -> None:
        point = Point(self.store, clients.Registry())
        for folder in ("sdk/10-policy-request", "sdk/20-ddr"):
            reply, verdict = point.answer(recorded(folder)[0], http.Peer())
            self.assertIn("identity.known", verdict.failed())
            self.assertEqual((reply.status, reply.body), (200, b""))

    def test_another_clients_tls_certificate_is_refused(self) -> None:
        case = CASES[5]
        request = recorded(case.folder)[0]
        peer = http.Peer("TLSv1.3", "x", load(PKI))
        reply, verdict = self.point(case).answer(request, peer)
        self.assertIn("identity.tls_certificate", verdict.failed())
        self.assertEqual(reply.body, b"")

    def test_every_truncation_of_the_body_is_answered(self) -> None:
        case = CASES[5]
        request = recorded(case.folder)[0]
        whole, point = request.body, self.point(case)
        for size in range(0, len(whole), 7):
            request.body = whole[:size]
            reply, verdict = point.answer(request, http.Peer())
            self.assertEqual(reply.status, 400, size)
            self.assertIn("well_formed", verdict.failed())

    def test_every_truncation_of_the_http_request_is_malformed(self) -> None:
        path = VECTORS / "sdk/10-policy-request/001-request.http"
        data = path.read_bytes()
        head = data.index(b"\r\n\r\n") + 4
        for size in [*range(1, head), head, head + 1, len(data) - 1]:
            with self.assertRaises(Malformed):
                http.read(io.BytesIO(data[:size]))

    def test_random_damage_is_always_answered(self) -> None:
        dice = random.Random(1)
        for case in (CASES[0], CASES[5], CASES[26]):
            point = self.point(case)
            for _ in range(300):
                for request in recorded(case.folder):
                    damage(request, dice)
                    reply, _ = point.answer(request, http.Peer())
                    self.assertIn(reply.status, (200, 400, 403, 404))

    def test_frame_bytes_matter(self) -> None:
        for old, new, check in (
                (b"content-type: text", b"Content-Type: text",
                 "framing.text_part"),
                (b"octet-stream", b"octet-strea", "framing.data_part"),
                (b"\xff\xfe<", b"<", "msg.bom")):
            with self.subTest(check):
                def change(request: http.Request) -> None:
                    request.body = request.body.replace(old, new, 1)
                _, verdict = self.spoil("sdk/10-policy-request", change)
                self.assertIn(check, verdict.failed())

    def test_identity_headers_of_another_time_are_refused(self) -> None:
        def change(request: http.Request) -> None:
            request.fields = [
                (name, "2026-11-22T14:08:57Z")
                if name == "CCMClientTimestamp" else (name, value)
                for name, value in request.fields]

        reply, verdict = self.spoil("sdk/17-policy-body-secret-headers",
                                    change, 1)
        self.assertIn("identity.timestamp_signature", verdict.failed())
        self.assertEqual(reply.status, 403)


if __name__ == "__main__":
    unittest.main()
