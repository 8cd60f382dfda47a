"""Each misbehaviour really misbehaves, in the one way that it names, and
leaves the rest of the answer right.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import time
import unittest
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from typing import Callable, Optional

import probe
import test_server
from misbehave import DEPTH, MODES, STATUSES

GIB = 1 << 30


def inflated(data: bytes) -> int:
    """How much comes out, without keeping it."""
    stream, size = zlib.decompressobj(), 0
    while not stream.eof:
        out = stream.decompress(data, 1 << 24)
        data = stream.unconsumed_tail
        size += len(out)
        if not out and not data and not stream.eof:
            raise ValueError("the stream is cut")
    return size


class Misbehaving(test_server.Served):
    """Enrolled with an honest server first, where that matters."""

    def spoilt(self, mode: str, **options) -> None:
        listener = self.serve(**options)
        self.client.enrol()
        self.listed = self.locations()
        self.registry = listener.point.registry
        listener.point.misbehaviour = test_server.Misbehaviour(
            [mode], slow_ms=20)

    def pinned(self, answer: probe.Answer) -> bool:
        return probe.verified(answer, self.dir / "mp-sign.pem")

    def path(self, flags: int) -> str:
        return next(p for f, p in self.listed.values() if f == flags)

    def body(self, flags: int) -> bytes:
        return self.client.download(self.path(flags)).body

    def test_every_mode_is_tested_here(self) -> None:
        text = Path(__file__).read_text(encoding="utf-8")
        for mode in MODES:
            if not mode.startswith("http-"):
                self.assertIn(f'"{mode}"', text)

    def test_signatures_that_are_not_the_mps(self) -> None:
        for mode, own in (("wrong-signer", False), ("embedded-signer", True)):
            for ask in (self.client.register, self.client.assignments):
                with self.subTest(mode, ask=ask.__name__):
                    self.spoilt(mode)
                    answer = ask()
                    self.assertFalse(self.pinned(answer))
                    self.assertEqual(probe.verified(answer, None), own)
                    self.assertIn("SMSID" if ask == self.client.register
                                  else "PolicyID", answer.xml())

    def test_a_signature_of_old_is_the_mps(self) -> None:
        self.spoilt("sha1")
        answer = self.client.assignments()
        self.assertTrue(self.pinned(answer))
        sha1 = bytes.fromhex("06052b0e03021a")
        self.assertIn(sha1, bytes.fromhex(answer.hook()["Signature"]))

    def test_no_hook(self) -> None:
        self.spoilt("no-hook")
        answer = self.client.assignments()
        self.assertEqual(answer.hook(), {})
        self.assertIn("<ReplyAssignments", answer.xml())

    def test_another_site_or_host_under_a_good_signature(self) -> None:
        for mode, name, right in (
                ("wrong-site", "MPSiteCode", "PRI"),
                ("wrong-host", "AuthSenderMachine", "localhost")):
            with self.subTest(mode):
                self.spoilt(mode)
                answer = self.client.assignments()
                self.assertNotIn(right, answer.hook()[name])
                self.assertTrue(self.pinned(answer))

    def test_a_tampered_reply_still_reads_well(self) -> None:
        self.spoilt("tampered-payload")
        for answer in (self.client.assignments(), self.client.register()):
            ElementTree.fromstring(answer.xml())
            self.assertFalse(self.pinned(answer))
            self.assertEqual(
                answer.parts()[0].find("Body").get("Length"),
                str(len(answer.parts()[1])))

    def test_a_tampered_download_differs(self) -> None:
        honest = self.serve()
        self.client.enrol()
        self.listed = self.locations()
        plain, target = self.body(16), "/SMS_MP/.sms_aut?MPCERT2"
        document = self.client.download(target).body
        honest.point.misbehaviour = test_server.Misbehaviour(
            ["tampered-payload"])
        self.assertNotEqual(self.body(16), plain)
        self.assertNotEqual(self.client.download(target).body, document)
        clear = probe.decrypted(self.body(30), self.client.key_path,
                                self.client.cert_path)
        with self.assertRaises((UnicodeError, ElementTree.ParseError)):
            ElementTree.fromstring((clear or b"xx").decode("utf-16"))

    def test_broken_cms(self) -> None:
        self.spoilt("bad-cms")
        answer = self.client.assignments()
        self.assertFalse(probe.verified(answer, None))
        self.assertTrue(answer.hook()["Signature"])
        body = self.body(30)
        self.assertEqual(body[:1], b"\x30")
        self.assertIsNone(probe.decrypted(body, self.client.key_path,
                                          self.client.cert_path))

    def test_a_foreign_recipient_cannot_be_opened_by_us(self) -> None:
        self.spoilt("foreign-recipient")
        for flags in (30, 6, 70):
            body = self.body(flags)
            good, text = self.shown(body)
            self.assertTrue(good)
            self.assertIn(b"pkcs7-envelopedData", text)
            clear = probe.decrypted(body, self.client.key_path,
                                    self.client.cert_path)
            self.assertNotIn(b"P\0o\0l\0i\0c\0y", clear or b"")

    def shown(self, body: bytes) -> tuple[bool, bytes]:
        path = self.dir / "shown.der"
        path.write_bytes(body)
        return probe.openssl("cms", "-cmsout", "-print", "-inform", "DER",
                             "-in", str(path))

    def test_a_zip_bomb_is_signed_and_huge(self) -> None:
        self.spoilt("zip-bomb")
        answer = self.client.assignments()
        self.assertTrue(self.pinned(answer))
        payload = answer.parts()[1]
        self.assertLess(len(payload), 4 << 20)
        self.assertGreater(inflated(payload), GIB)
        wrapper = ElementTree.fromstring(self.body(80).decode("utf-16"))
        self.assertGreater(inflated(bytes.fromhex(wrapper.text)), GIB)

    def contents(self) -> list[str]:
        """One content of each kind."""
        documents = self.client.download("/SMS_MP/.sms_aut?MPLIST")
        answer = self.client.assignments()
        self.assertTrue(self.pinned(answer))
        return [answer.xml(), documents.body.decode("utf-8"),
                self.body(16).decode("utf-16"),
                self.opened(30, self.body(30)),
                self.opened(80, self.body(80)),
                self.client.register().xml()]

    def test_xml_that_no_one_should_read(self) -> None:
        for mode, pattern in (
                ("entity-bomb", r"(?s)<!DOCTYPE.*<!ENTITY e29 .*&e;"),
                ("external-entity", r'SYSTEM "file:///.*&e;'),
                ("deep-xml", "<d><d></d></d>"),
                ("not-xml", r"^There is no markup")):
            with self.subTest(mode):
                self.spoilt(mode)
                texts = self.contents()
                for text in texts:
                    self.assertIsNotNone(re.search(pattern, text),
                                         text[:200])
                if mode == "deep-xml":
                    self.assertEqual(texts[0].count("<d>"), DEPTH)

    def test_registration_answers_that_make_no_sense(self) -> None:
        self.spoilt("bad-status")
        self.assertEqual(self.status(self.client.register()), "77")
        self.spoilt("wrong-smsid")
        answer = self.client.register()
        root = ElementTree.fromstring(answer.xml())
        self.client.smsid = root.attrib["SMSID"]
        self.assertEqual(root.attrib["Status"], "1")
        self.assertIsNotNone(self.registry.find(self.client.smsid))
        answer = self.client.confirm()
        self.assertTrue(self.pinned(answer))
        self.assertNotIn(self.client.smsid, answer.xml())

    def test_status_codes(self) -> None:
        for status in STATUSES:
            for more in ("", "-body"):
                with self.subTest(status, more=more):
                    self.spoilt(f"http-{status}{more}")
                    for answer in (self.client.assignments(),
                                   self.client.download(self.path(16))):
                        self.assertEqual(answer.status, status)
                        self.assertEqual(b"</HTML>" in answer.body,
                                         bool(more))
                        self.assertEqual(bool(answer.body), bool(more))

    def test_another_kind_is_sound_and_signed(self) -> None:
        self.spoilt("other-kind")
        answer = self.client.assignments()
        self.assertTrue(self.pinned(answer))
        self.assertIn("<ClientRegistrationResponse ", answer.xml())
        answer = self.client.register()
        self.assertTrue(self.pinned(answer))
        self.assertIn("<ReplyAssignments ", answer.xml())
        self.assertIn("<ClientRegistrationResponse ",
                      self.body(16).decode("utf-16"))
        self.assertIn(b"<ClientRegistrationResponse ", self.client.download(
            "/SMS_MP/.sms_aut?MPLIST").body)

    def hashes(self) -> list[tuple[bool, bool]]:
        """For each open policy: is PolicyHash its MD5, PolicyHashEx its
        SHA-1?"""
        root = ElementTree.fromstring(self.client.assignments().xml())
        found = []
        for policy in root.iter("Policy"):
            place = policy.find("PolicyLocation")
            if int(policy.attrib["PolicyFlags"]) & 6 or place is None:
                continue
            body = self.client.download((place.text or "").removeprefix(
                "http://<mp>")).body
            found.append((
                place.get("PolicyHash") == hashlib.md5(
                    body).hexdigest().upper(),
                place.get("PolicyHashEx") == hashlib.sha1(
                    body).hexdigest().upper()))
        return found

    def test_hashes_are_right_unless_they_are_wrong(self) -> None:
        self.serve()
        self.client.enrol()
        self.assertEqual(set(self.hashes()), {(True, True)})
        self.spoilt("wrong-policy-hash")
        self.assertEqual(set(self.hashes()), {(False, False)})
        self.assertEqual(self.verdicts()[-1]["answered"]["status"], 200)

    def test_bodies_that_are_no_answer(self) -> None:
        def pages(check: Callable[[probe.Answer], bool], mode: str) -> None:
            with self.subTest(mode):
                self.spoilt(mode)
                for answer in (self.client.register(),
                               self.client.download(self.path(16))):
                    self.assertEqual(answer.status, 200)
                    self.assertTrue(check(answer))

        pages(lambda a: a.body == b"", "empty")
        pages(lambda a: a.body.startswith(b"<HTML>"), "html")
        pages(lambda a: len(a.body) == 4096 and b"Msg" not in a.body,
              "garbage")
        pages(lambda a: a.content_type == "multipart/mixed", "no-boundary")

    def test_a_redirect_leads_to_a_recorded_place(self) -> None:
        self.spoilt("redirect")
        self.assertEqual(self.client.assignments().status, 307)
        self.client.send("GET", "/redirected", {})
        self.assertEqual(self.verdicts()[-1]["kind"], "redirected")

    def raw(self, seconds: Optional[float]) -> tuple[bytes, float]:
        """What comes on a plain socket, and how long it took."""
        began = time.monotonic()
        data = b""
        with socket.create_connection(("localhost", self.port)) as sock:
            sock.settimeout(seconds)
            sock.sendall(b"GET /SMS_MP/.sms_aut?MPCERT2 HTTP/1.1\r\n"
                         b"Host: localhost\r\nConnection: close\r\n\r\n")
            try:
                while len(data) < 40 or seconds is None:
                    more = sock.recv(1 if seconds else 65536)
                    if not more:
                        break
                    data += more
            except TimeoutError:
                pass
        return data, time.monotonic() - began

    def test_a_truncated_body_is_shorter_than_announced(self) -> None:
        self.spoilt("truncated")
        with self.assertRaises(http.client.IncompleteRead):
            self.client.assignments()

    def test_slow_is_slow_and_hanging_hangs(self) -> None:
        self.spoilt("slow", tls=False)
        data, took = self.raw(5)
        self.assertEqual(len(data), 40)
        self.assertGreater(took, 30 * 0.02)
        self.spoilt("hanging", tls=False)
        data, took = self.raw(1)
        self.assertEqual(data, b"")
        self.assertGreater(took, 0.9)

    def test_a_huge_header_is_huge(self) -> None:
        self.spoilt("huge-header", tls=False)
        data, _ = self.raw(None)
        head = data.partition(b"\r\n\r\n")[0]
        self.assertGreater(len(head), 1 << 20)

    def test_a_mode_can_be_limited_to_a_kind(self) -> None:
        self.spoilt("http-500:policy")
        self.assertEqual(self.client.assignments().status, 200)
        self.assertEqual(self.client.download(self.path(16)).status, 500)


if __name__ == "__main__":
    unittest.main()
