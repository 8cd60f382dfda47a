"""mpsim as a program on the network: plain HTTP with NTLM (the client is
curl(1)), revocation lists (the judge is openssl(1)), imports while it runs,
large bodies, and answers that uploads do not expect.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import Optional

import md4
import samples
import sender
from sender import File, report_file

PROGRAM = Path(__file__).resolve().parent / "mpsim"
MIB = 1 << 20


class Program(unittest.TestCase):
    """A directory with certificates, shared; a process per test."""

    @classmethod
    def setUpClass(cls) -> None:
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.dir = Path(temporary.name)
        cls.mp = cls.dir / "mp"
        cls.me = sender.Sender()
        (cls.dir / "me.pem").write_bytes(cls.me.cert.public_bytes(
            sender.serialization.Encoding.PEM))

    def setUp(self) -> None:
        for name in ("clients.jsonl", "verdicts.jsonl"):
            (self.mp / name).unlink(missing_ok=True)

    def start(self, *arguments: str) -> list[str]:
        """The words of the ready line."""
        self.process = subprocess.Popen(
            [PROGRAM, "--dir", self.mp, *arguments], stdout=subprocess.PIPE,
            text=True)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.terminate)
        words = self.process.stdout.readline().split()
        self.assertEqual(words[:2], ["ready", "127.0.0.1"])
        self.port = int(words[2])
        return words

    def run_mpsim(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([PROGRAM, "--dir", self.mp, *arguments],
                              capture_output=True, timeout=60, check=False,
                              text=True)

    def verdicts(self) -> list[dict]:
        text = (self.mp / "verdicts.jsonl").read_text(encoding="ascii")
        return [json.loads(line) for line in text.splitlines()]

    def send(self, raw: bytes, timeout: float = 120) -> tuple[int, bytes]:
        """Status and body."""
        with socket.create_connection(("127.0.0.1", self.port),
                                      timeout) as sock:
            sock.sendall(raw)
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            return answer.status, answer.read()

    def enrol(self) -> None:
        self.me.smsid = ""
        self.assertEqual(self.send(self.me.registration())[0], 200)
        self.me.smsid = self.verdicts()[-1]["client_id"]
        self.assertEqual(self.verdicts()[-1]["errors"], [])


class Ntlm(Program):
    def curl(self, *arguments: str) -> str:
        """The status that curl(1) ends with."""
        body = self.me.registration().partition(b"\r\n\r\n")[2]
        done = subprocess.run(
            ["/usr/bin/curl", "-s", "-o", str(self.dir / "out"), "-w",
             "%{http_code}", "-X", "CCM_POST", "-A",
             "ConfigMgr Messaging HTTP Sender", "-H",
             f"Content-Type: {sender.TYPE}", "-H", "Expect:",
             "--data-binary", "@-", *arguments,
             f"http://localhost:{self.port}/ccm_system_windowsauth/request"],
            input=body, capture_output=True, timeout=60, check=True)
        return done.stdout.decode("ascii")

    def begin(self, *more: str) -> None:
        path = self.dir / "password"
        # ASCII: libcurl widens bytes, so that no other password works.
        path.write_text("Pass word 1\n", encoding="ascii")
        self.start("--windows-auth", *more)

    def test_md4_is_md4(self) -> None:
        for text, value in (("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
                            ("abc", "a448017aaf21d8525fc10ae87aa6729d"),
                            ("1234567890" * 8,
                             "e33b4ddc9c38f2199c3e7b164fcc0536")):
            self.assertEqual(md4.digest(text.encode()).hex(), value)

    def test_the_right_user_registers_after_three_messages(self) -> None:
        self.begin("--user", f"EXAMPLE\\alice:{self.dir}/password")
        self.assertEqual(self.curl("--ntlm", "-u",
                                   "EXAMPLE\\alice:Pass word 1"), "200")
        first, second = self.verdicts()[-2:]
        self.assertEqual((first["kind"], first["notes"]["ntlm"],
                          first["answered"]["status"]),
                         ("authentication", "type 1", 401))
        self.assertEqual((second["kind"], second["notes"]["user"]),
                         ("registration", "EXAMPLE\\alice"))
        self.assertEqual(first["errors"] + second["errors"], [])

    def test_others_do_not(self) -> None:
        self.begin("--user", f"EXAMPLE\\alice:{self.dir}/password")
        for user, check in (("EXAMPLE\\alice:wrong", "ntlm.proof"),
                            ("EXAMPLE\\bob:Pass word 1", "ntlm.user"),
                            ("OTHER\\alice:Pass word 1", "ntlm.user")):
            with self.subTest(user):
                self.assertEqual(self.curl("--ntlm", "-u", user), "401")
                self.assertIs(self.verdicts()[-1]["checks"][check], False)
                self.assertEqual(self.verdicts()[-1]["kind"],
                                 "authentication")

    def test_basic_is_a_finding(self) -> None:
        self.begin()
        self.assertEqual(self.curl("--basic", "-u", "alice:x"), "401")
        self.assertIs(self.verdicts()[-1]["checks"]["windows.scheme"], False)
        self.assertEqual(self.curl(), "401")
        self.assertEqual(self.verdicts()[-1]["errors"], [])

    def test_without_a_user_the_steps_are_enough(self) -> None:
        self.begin()
        self.assertEqual(self.curl("--ntlm", "-u", "any:body"), "200")
        self.assertIn("not verified", self.verdicts()[-1]["notes"]["ntlm"])

    def test_the_plain_url_asks_for_nothing(self) -> None:
        self.begin()
        self.enrol()

    def test_a_third_message_alone_is_refused(self) -> None:
        self.begin()
        raw = self.me.registration()
        head, _, body = raw.partition(b"\r\n\r\n")
        three = b"TlRMTVNTUAADAAAA" + b"A" * 80
        one = b"TlRMTVNTUAABAAAAB4IIoAAAAAAAAAAAAAAAAAAAAAA="
        for line, check in (
                (b"NTLM " + three, "ntlm.order"), (b"NTLM", "ntlm.message"),
                (b"NTLM !!!", "ntlm.message"),
                (b"Negotiate YIIB", "ntlm.message"),
                (b"NTLM " + three[:11] + b"J" + b"A" * 12, "ntlm.order"),
                (b"NTLM " + one, "ntlm.no_body"),
                (b"NTLM " + one[:16], "ntlm.message")):
            with self.subTest(line):
                windows = head.replace(b"/ccm_system/",
                                       b"/CCM_System_WindowsAuth/")
                status, _ = self.send(windows + b"\r\nAuthorization: " + line
                                      + b"\r\n\r\n" + body)
                self.assertEqual(status, 401)
                self.assertIs(self.verdicts()[-1]["checks"][check], False)


class RevocationLists(Program):
    def fetch(self, url: str, timeout: float = 20) -> bytes:
        done = subprocess.run(["/usr/bin/curl", "-s", "-f", "-m",
                               str(timeout), url], capture_output=True,
                              check=False, timeout=60)
        return done.stdout if done.returncode == 0 else b""

    def judged(self, mode: str) -> tuple[str, str]:
        """(the list's URL in the certificate, what openssl says)."""
        words = self.start("--tls", "--crl-port", "0", "--crl", mode)
        self.assertEqual(words[3], "crl")
        path = self.mp / "tls-crl.pem"
        text = subprocess.run(
            ["/usr/bin/openssl", "x509", "-in", str(path), "-noout", "-ext",
             "crlDistributionPoints"], capture_output=True, text=True,
            check=True).stdout
        found = re.search(r"URI:(\S+)", text)
        assert found is not None
        self.assertEqual(found[1], words[4])
        data = self.fetch(found[1], 2)
        crl = self.dir / "list.crl"
        crl.write_bytes(data)
        done = subprocess.run(
            ["/usr/bin/openssl", "verify", "-crl_check", "-CRLfile",
             str(crl), "-CAfile", str(self.mp / "ca.pem"), str(path)],
            capture_output=True, text=True, check=False, timeout=60)
        return found[1], done.stdout + done.stderr if data else ""

    def test_each_kind_of_list_is_what_it_says(self) -> None:
        for mode, words in (("good", ": OK"), ("revoked", "revoked"),
                            ("expired", "CRL has expired"),
                            ("wrong-issuer", "CRL signature failure"),
                            ("garbage", "rror"), ("missing", ""),
                            ("hanging", "")):
            with self.subTest(mode):
                _, said = self.judged(mode)
                self.assertIn(words, said)
                self.assertEqual(bool(said), bool(words))
                verdict = self.verdicts()[-1]
                self.assertEqual((verdict["kind"], verdict["notes"]["crl"]),
                                 ("crl", mode))
                self.assertEqual(verdict["errors"], [])

    def test_nothing_else_is_there(self) -> None:
        words = self.start("--tls", "--crl-port", "0")
        self.assertEqual(self.fetch(words[4] + "x"), b"")
        self.assertIs(self.verdicts()[-1]["checks"]["http.path"], False)

    def test_a_list_needs_tls(self) -> None:
        done = self.run_mpsim("--crl-port", "0")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--tls", done.stderr)


class Imports(Program):
    def test_a_running_server_learns_of_a_proxy(self) -> None:
        self.start()
        done = self.run_mpsim("--import", str(self.dir / "me.pem"))
        self.assertRegex(done.stdout, r"\AGUID:[0-9A-F-]{36}\n\Z")
        proxy = done.stdout.strip()
        again = self.run_mpsim("--import", str(self.dir / "me.pem"))
        self.assertEqual(again.stdout, done.stdout)
        self.assertEqual(self.send(self.me.registration(
            agent="8", proxy=proxy))[0], 200)
        verdict = self.verdicts()[-1]
        self.assertEqual(verdict["errors"], [])
        self.assertNotEqual(verdict["client_id"], proxy)

    def test_misuse_is_one_sentence(self) -> None:
        for arguments in (("--import", "/nowhere"),
                          ("--import", str(PROGRAM)),
                          ("--import", str(self.dir / "me.pem"), "--smsid",
                           "GUID:x"), ("--user", "alice")):
            done = self.run_mpsim(*arguments)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_thousand_clients_stay_quick(self) -> None:
        """Each line is written once: the file does not grow by all."""
        import clients
        path = self.dir / "many.jsonl"
        registry = clients.Registry(path)
        began = time.monotonic()
        for number in range(2000):
            registry.put(clients.Client(
                clients.new_smsid(), "AB" * 500, "AB" * 500,
                proxy="GUID:P", netbios=f"PC{number}", confirmed=True))
        self.assertLess(time.monotonic() - began, 10)
        again = clients.Registry(path)
        self.assertEqual(len(again.known), 2000)
        wanted = again.find_same(clients.Client(
            "", "AB" * 500, "", proxy="GUID:P", netbios="PC1999"))
        self.assertIsNotNone(wanted)


class Large(Program):
    def report(self, size: int) -> tuple[str, str]:
        """Header and report of about that many characters."""
        row = samples.instance("Big", ("Name", "x" * 200), ("Path", "y" * 90))
        rows = row * (size // len(row))
        full = samples.hinv(self.me.smsid).replace("<ReportBody>",
                                                   "<ReportBody>" + rows)
        return samples.hinv(self.me.smsid, False), full

    def peak(self) -> int:
        """The most memory that the server has had, in MiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) // 1024

    def test_50_mib_go_through_in_bounded_memory(self) -> None:
        self.start()
        self.enrol()
        head, full = self.report(50 * MIB)
        for compress in (True, False):
            began = time.monotonic()
            status, body = self.send(self.me.message(
                "MP_HinvEndpoint", head, files=[report_file(full)],
                compress=compress))
            verdict = self.verdicts()[-1]
            self.assertEqual((status, body, verdict["errors"]), (200, b"", []))
            self.assertGreater(int(verdict["notes"]["items"]), 100000)
            self.assertLess(time.monotonic() - began, 100)
        self.assertLess(self.peak(), 500)

    def test_50_mib_encrypted(self) -> None:
        self.start()
        self.enrol()
        head, full = self.report(50 * MIB)
        noise = random.Random(3).randbytes(4 * MIB).hex()
        full = full.replace("y" * 90, noise, 1)
        self.send(self.me.message(
            "MP_HinvEndpoint", head, files=[report_file(full)],
            compress=False, encrypt=["-aes256", str(self.mp / "mp-enc.pem")]))
        self.assertEqual(self.verdicts()[-1]["errors"], [])
        self.assertLess(self.peak(), 900)

    def test_a_collected_file_of_50_mib(self) -> None:
        self.start()
        self.enrol()
        data = random.Random(4).randbytes(50 * MIB)
        body = samples.files(self.me.smsid, (len(data),))
        self.send(self.me.message("MP_SinvCollFileEndpoint", body,
                                  files=[File("1", data)]))
        self.assertEqual(self.verdicts()[-1]["errors"], [])
        self.assertLess(self.peak(), 500)

    def test_longer_bodies_are_answered_with_413(self) -> None:
        self.start("--max-body", str(MIB))
        self.enrol()
        head = b"POST /x HTTP/1.1\r\nHost: localhost\r\n"
        for raw, good in (
                (head + b"Content-Length: %d\r\n\r\n" % MIB + bytes(MIB),
                 True),
                (head + b"Content-Length: %d\r\n\r\n" % (8 * MIB)
                 + bytes(8 * MIB), False),
                (head + b"Expect: 100-continue\r\nContent-Length: 9999999999"
                 b"\r\n\r\n", False),
                (head + b"Transfer-Encoding: chunked\r\n\r\n100001\r\n"
                 + bytes(MIB + 1) + b"\r\n0\r\n\r\n", False)):
            status, body = self.send(raw)
            self.assertEqual(status, 404 if good else 413)
            self.assertIn(b"</HTML>", body)
            self.assertEqual(self.verdicts()[-1]["kind"],
                             "unknown" if good else "too-large")


class Spoilt(Program):
    """Answers that an upload does not expect."""

    def state(self, timeout: Optional[float] = 20) -> tuple[int, bytes]:
        return self.send(self.me.message(
            "MP_RelayEndpoint", samples.state(self.me.smsid), kind="SMX"),
            timeout or 20)

    def test_each_misbehaviour_for_uploads(self) -> None:
        for mode, status in (
                ("http-413", 413), ("http-413-body", 413), ("http-401", 401),
                ("http-503-body", 503), ("redirect", 307), ("html", 200),
                ("garbage", 200)):
            with self.subTest(mode):
                self.start("--misbehave", f"{mode}:upload")
                self.enrol()
                got, body = self.state()
                self.assertEqual(got, status)
                self.assertEqual(bool(body), mode[-4:] in (
                    "body", "html", "bage"))
                verdict = self.verdicts()[-1]
                self.assertEqual((verdict["kind"], verdict["errors"]),
                                 ("state", []))

    def test_one_kind_of_upload_alone(self) -> None:
        self.start("--misbehave", "http-500:hinv")
        self.enrol()
        self.assertEqual(self.state()[0], 200)
        head = samples.hinv(self.me.smsid, False)
        self.assertEqual(self.send(self.me.message(
            "MP_HinvEndpoint", head, files=[report_file(samples.hinv(
                self.me.smsid))]))[0], 500)

    def test_an_upload_may_hang(self) -> None:
        self.start("--misbehave", "hanging:upload")
        self.enrol()
        with self.assertRaises(TimeoutError):
            self.state(1)

    def test_the_help_names_every_mode(self) -> None:
        text = self.run_mpsim("--help").stdout
        for word in ("other-kind", "http-413-body", "wrong-policy-hash",
                     "--crl-port", "wrong-issuer", "--import", "--max-body",
                     "--second-mp", "--state-signing", "--windows-auth"):
            self.assertIn(word, text)


if __name__ == "__main__":
    unittest.main()
