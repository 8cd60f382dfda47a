"""The server from outside: over TLS with Python's ssl, from registration to
each policy decrypted by openssl(1); and the program mpsim itself.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from typing import Optional

import certificates
import probe
import server
from checks import Log
from clients import Registry
from misbehave import Misbehaviour
from point import Point

PROGRAM = Path(__file__).resolve().parent / "mpsim"
USERS = {30: {"naa-3des"}, 6: {"naa-aes", "naa-3des-keyid"},
         70: {"naa-compressed"}, 7: {"join"}}


class Served(unittest.TestCase):
    """A server in this process, and a client that it has issued to."""

    @classmethod
    def setUpClass(cls) -> None:
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.dir = Path(temporary.name)
        cls.store = certificates.Store(cls.dir)
        cls.store.complete()
        cls.client = probe.Probe(cls.dir, cls.issue)
        cls.other = probe.Probe(cls.dir, cls.issue, "CLIENT2")

    @classmethod
    def issue(cls, csr: bytes) -> bytes:
        return certificates.issue(cls.store.ca, csr, 30, None)

    def serve(self, *modes: str, tls: bool = True,
              newest: Optional[str] = None, **options) -> server.Server:
        """Starts a server and connects the client to it."""
        ctx = None
        if tls:
            ctx = server.context(*self.store.tls(), self.store.path("ca"),
                                 newest)
        point = Point(self.store, Registry(), pairs=[self.store.enc],
                      misbehaviour=Misbehaviour(modes, slow_ms=20),
                      **options)
        log = Log(self.dir / "verdicts.jsonl")
        self.addCleanup(log.close)
        listener = server.Server(0, point, log, ctx)
        thread = threading.Thread(target=listener.serve_forever,
                                  kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        self.port = listener.server_address[1]
        self.client.connect(self.port, self.dir / "ca.pem" if tls else None)
        self.addCleanup(listener.server_close)
        self.addCleanup(listener.shutdown)
        self.addCleanup(listener.ending.set)
        self.addCleanup(self.client.close)
        return listener

    def verdicts(self) -> list[dict]:
        text = (self.dir / "verdicts.jsonl").read_text(encoding="ascii")
        return [json.loads(line) for line in text.splitlines()]

    def status(self, answer: probe.Answer) -> str:
        return ElementTree.fromstring(answer.xml()).attrib["Status"]

    def locations(self) -> dict[str, tuple[int, str]]:
        root = ElementTree.fromstring(self.client.assignments().xml())
        found = {}
        for policy in root.iter("Policy"):
            url = policy.findtext("PolicyLocation") or ""
            self.assertTrue(url.startswith("http://<mp>/"), url)
            found[policy.attrib["PolicyID"]] = (
                int(policy.attrib["PolicyFlags"]),
                url.removeprefix("http://<mp>"))
        return found

    def opened(self, flags: int, body: bytes) -> str:
        """A policy body as a client would read it."""
        if flags & 4:
            clear = probe.decrypted(body, self.client.key_path,
                                    self.client.cert_path)
            self.assertIsNotNone(clear)
            body = clear or b""
        text = body.decode("utf-16").removesuffix("\0")
        if flags & 64:
            wrapper = ElementTree.fromstring(text)
            self.assertEqual(wrapper.get("Compression"), "zlib")
            text = zlib.decompress(bytes.fromhex(wrapper.text or "")).decode(
                "utf-16-le").removeprefix("\ufeff")
        return text


class Honest(Served):
    def flow(self, **options) -> None:
        """The whole main job; every check of every request is true."""
        before = len(self.verdicts())
        self.serve(pending=1, **options)
        answer = self.client.register()
        self.assertEqual(self.status(answer), "1")
        self.assertTrue(probe.verified(answer, self.dir / "mp-sign.pem"))
        self.client.smsid = ElementTree.fromstring(
            answer.xml()).attrib["SMSID"]
        self.assertEqual(self.client.assignments().body, b"")
        self.assertEqual([self.status(self.client.confirm())
                          for _ in range(2)], ["1", "0"])
        listed = self.locations()
        self.assertGreaterEqual(len(listed), 8)
        for name, (flags, path) in listed.items():
            body = self.client.download(path).body
            text = self.opened(flags, body)
            root = ElementTree.fromstring(text.partition("?>")[2])
            self.assertEqual((root.tag, root.get("PolicyID")),
                             ("Policy", name))
            if flags & 4:
                user = re.search(r"EXAMPLE\\([\w-]+)", text)
                assert user is not None
                self.assertIn(user[1], USERS[flags])
        for verdict in self.verdicts()[before:]:
            if verdict["kind"] != "assignments" or verdict["answered"][
                    "what"] != "empty":
                self.assertEqual(verdict["errors"], [])
            self.assertTrue(verdict["tls"] is None
                            or verdict["tls"]["sha1"])

    def test_registration_to_every_policy_over_tls_1_3(self) -> None:
        self.flow()
        self.assertEqual(self.verdicts()[-1]["tls"]["version"], "TLSv1.3")

    def test_registration_to_every_policy_over_tls_1_2(self) -> None:
        self.flow(newest="1.2")
        self.assertEqual(self.verdicts()[-1]["tls"]["version"], "TLSv1.2")

    def test_registration_to_every_policy_over_http(self) -> None:
        self.flow(tls=False)

    def test_pending_lasts_as_long_as_asked(self) -> None:
        self.serve(pending=3)
        root = ElementTree.fromstring(self.client.register().xml())
        self.client.smsid = root.attrib["SMSID"]
        self.assertEqual([self.status(self.client.confirm())
                          for _ in range(5)], ["1", "1", "1", "0", "0"])
        self.assertEqual(self.status(self.client.register()), "0")

    def test_every_form_of_signature_verifies(self) -> None:
        for form in ("attributes", "attributes-only", "bare", "sha1"):
            with self.subTest(form):
                self.serve(form=form)
                answer = self.client.register()
                self.assertTrue(probe.verified(answer,
                                               self.dir / "mp-sign.pem"))
                self.assertFalse(probe.verified(answer,
                                                self.dir / "site-sign.pem"))
                root = answer.parts()[0]
                self.assertEqual(root.find("Body").get("Length"),
                                 str(len(answer.parts()[1])))
                self.assertIn(";localhost;",
                              answer.hook()["AuthSenderMachine"])

    def test_a_rejected_client_is_told_so(self) -> None:
        self.serve(reject=True)
        xml = self.client.register().xml()
        self.assertIn('Status="3"', xml)
        self.assertNotIn("SMSID", xml)

    def test_a_secret_without_identity_is_an_html_page(self) -> None:
        self.serve()
        self.client.enrol()
        for flags, path in self.locations().values():
            answer = self.client.download(path, identify=False)
            secret = bool(flags & 6)
            self.assertEqual(answer.status, 403 if secret else 200)
            self.assertEqual(answer.body.startswith(b"<HTML>"), secret)

    def test_a_client_does_not_get_anothers_policy(self) -> None:
        self.serve()
        self.client.enrol()
        flags, path = next(v for v in self.locations().values() if v[0] & 4)
        self.other.connect(self.port, self.dir / "ca.pem")
        self.other.smsid = self.client.smsid
        self.assertEqual(self.other.download(path).status, 403)
        self.other.close()

    def test_all_documents_are_there(self) -> None:
        self.serve()
        for keyword, root in (
                ("MPLIST", "MPList"), ("MPLIST1", "MPList"),
                ("MPLIST2&PRI", "MPList"),
                ("MPKEYINFORMATION", "MPKEYINFORMATION"),
                ("MPKEYINFORMATIONEX", "MPKEYINFORMATION"),
                ("MPCERT", "MPCertificate"), ("MPCERT2", "MPCertificates"),
                ("MPTRK", "KEYDATA"), ("SITESIGNCERT", "X509Data")):
            answer = self.client.download("/sms_MP/.SMS_aut?" + keyword)
            self.assertEqual(ElementTree.fromstring(answer.body).tag, root)
        self.assertEqual(self.client.download(
            "/SMS_MP/.sms_aut?NONSENSE").status, 404)

    def test_no_client_certificate_no_request(self) -> None:
        self.serve()
        ctx = ssl.create_default_context(cafile=str(self.dir / "ca.pem"))
        with self.assertRaises(OSError):
            with socket.create_connection(("localhost", self.port)) as raw:
                with ctx.wrap_socket(raw, server_hostname="localhost") as s:
                    s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    self.assertEqual(s.recv(1), b"")
                    raise OSError("closed")
        self.assertEqual(self.verdicts()[-1]["kind"], "tls-handshake")

    def test_connections_are_kept_and_concurrent(self) -> None:
        self.serve()
        target = "/SMS_MP/.sms_aut?MPLIST"
        self.client.download(target, False)
        first = self.client.connection.sock
        self.other.connect(self.port, self.dir / "ca.pem")
        self.other.download(target, False)
        self.client.download(target, False)
        self.assertIs(self.client.connection.sock, first)
        self.other.close()


class Program(unittest.TestCase):
    """mpsim as others start it."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.dir = Path(temporary.name)
        self.mp = self.dir / "mp"

    def run_mpsim(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([PROGRAM, "--dir", self.mp, *arguments],
                              capture_output=True, timeout=60, check=False)

    def issue(self, csr: bytes, *more: str) -> bytes:
        path = self.dir / "csr.pem"
        path.write_bytes(csr)
        done = self.run_mpsim("--issue", str(path), *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def start(self, *arguments: str) -> tuple[subprocess.Popen, int]:
        process = subprocess.Popen([PROGRAM, "--dir", self.mp, *arguments],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.terminate)
        words = process.stdout.readline().split()
        self.assertEqual(words[:2], ["ready", "127.0.0.1"])
        return process, int(words[2])

    def test_issue_start_register_restart_list(self) -> None:
        client = probe.Probe(self.dir, self.issue)
        process, port = self.start("--tls", "--pending", "0")
        client.connect(port, self.mp / "ca.pem")
        client.enrol()
        client.close()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), 0)
        _, port = self.start("--tls", "--misbehave", "no-hook:assignments")
        client.connect(port, self.mp / "ca.pem", "127.0.0.1")
        answer = client.assignments()
        client.close()
        self.assertIn("ReplyAssignments", answer.xml())
        self.assertEqual(answer.hook(), {})
        lines = (self.mp / "verdicts.jsonl").read_text().splitlines()
        self.assertEqual([json.loads(line)["errors"] for line in lines],
                         [[], []])

    def test_keys_are_for_their_owner_only(self) -> None:
        self.start()
        keys = list(self.mp.glob("*.key"))
        self.assertGreaterEqual(len(keys), 5)
        for path in keys:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_a_further_host_gets_into_the_certificate(self) -> None:
        process, _ = self.start("--tls")
        process.terminate()
        process.wait(10)
        before = (self.mp / "ca.pem").read_bytes()
        self.start("--tls", "--host", "mp1.example.test")
        good, text = probe.openssl("x509", "-in", str(self.mp / "tls.pem"),
                                   "-noout", "-ext", "subjectAltName")
        self.assertTrue(good)
        for name in (b"localhost", b"127.0.0.1", b"mp1.example.test"):
            self.assertIn(name, text)
        self.assertEqual((self.mp / "ca.pem").read_bytes(), before)

    def test_ec_requests_and_dates(self) -> None:
        key = self.dir / "ec.key"
        probe.openssl("ecparam", "-genkey", "-name", "prime256v1", "-out",
                      str(key))
        _, csr = probe.openssl("req", "-new", "-key", str(key), "-subj",
                               "/CN=ec.example.test")
        pem = self.issue(csr, "--days", "5", "--not-before-days", "-10")
        path = self.dir / "ec.pem"
        path.write_bytes(pem)
        good, _ = probe.openssl("x509", "-in", str(path), "-noout",
                                "-checkend", "0")
        self.assertFalse(good)
        good, _ = probe.openssl("verify", "-no_check_time", "-purpose",
                                "sslclient", "-CAfile",
                                str(self.mp / "ca.pem"), str(path))
        self.assertTrue(good)

    def test_bad_tls_certificates_are_really_bad(self) -> None:
        client = probe.Probe(self.dir, self.issue)
        for variant, words in (("expired", "expired"),
                               ("wrong-name", "not valid for"),
                               ("untrusted", "verify failed")):
            with self.subTest(variant):
                _, port = self.start("--tls", "--tls-cert", variant)
                client.connect(port, self.mp / "ca.pem")
                with self.assertRaisesRegex(ssl.SSLError, words):
                    client.register()
                client.close()

    def test_misuse_is_one_sentence(self) -> None:
        for arguments in (("--misbehave", "nonsense"),
                          ("--misbehave", "wrong-smsid:policy"),
                          ("--issue", "/nowhere")):
            done = self.run_mpsim(*arguments)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertEqual(done.stderr.count(b"\n"), 1)

    def test_it_runs_under_the_systems_python(self) -> None:
        self.assertEqual(sys.executable, "/usr/bin/python3")


if __name__ == "__main__":
    unittest.main()
