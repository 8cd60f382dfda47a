"""A management point that is wrong in every way that mpsim knows, and TLS
that is: each gets one sentence, exit status 1, nothing written, and the
client's state as it was."""
import hashlib
import socket
import sqlite3
import sys
import unittest

import house

sys.path.insert(0, str(house.MPSIM.parent))
import misbehave  # noqa: E402: it lives beside mpsim

TIMED = ("slow", "hanging")


def modes():
    """{kind: [mode...]}, as the test management point knows them."""
    found = {}
    for mode, (kinds, _) in misbehave.MODES.items():
        for kind in kinds:
            found.setdefault(kind, []).append(mode)
    return found


class Misbehaviour(house.Case):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.state = cls.dir / "registered"
        with house.Point(cls.point_dir) as point:
            cls.point = point
            case = cls()
            case.register(cls.state)
            options = point.options(cls.rsa, cls.state)
            cls.secret = [p["id"] for p in case.asks("policy", "list",
                                                     *options)
                          if int(p["flags"]) & 68 == 68][0]

    def runTest(self):
        """For the one registration of the class."""

    def remembered(self, state):
        """What the state says, whatever the bytes of its files are."""
        with sqlite3.connect(f"file:{state}/client.db?mode=ro",
                             uri=True) as db:
            return hashlib.sha256(
                "\n".join(db.iterdump()).encode()).hexdigest()

    def spoiled(self, mode, kind, *command, state):
        out = self.work / "out"
        with house.Point(self.point_dir, "--misbehave",
                         f"{mode}:{kind}") as point:
            options = point.options(self.rsa, state)
            if mode in TIMED:
                options += ["--timeout", "3"]
            said = self.refuses(*command, *options)
        self.assertFalse(out.exists())
        self.assertLess(len(said), 1500)
        return said

    def every(self, kind, *command):
        """Each mode for kind; the registered state must survive it."""
        before = self.remembered(self.state)
        for mode in modes()[kind]:
            if (mode, kind) in self.harmless():
                continue
            with self.subTest(mode):
                self.spoiled(mode, kind, *command, state=self.state)
                self.assertEqual(self.remembered(self.state), before)

    @staticmethod
    def harmless():
        """Documents prove nothing but TLS, so what TLS carried is shown."""
        return {("tampered-payload", "document"),
                ("tampered-payload", "policy")}

    def test_a_registration_spoiled_in_any_way_registers_nobody(self):
        for mode in modes()["registration"]:
            with self.subTest(mode):
                state = self.work / mode
                self.spoiled(mode, "registration", "register", "--netbios",
                             "PC1", "--fqdn", "pc1.example.com", "--wait",
                             "5", state=state)
                with house.Point(self.point_dir) as point:
                    self.refuses("policy", "list",
                                 *point.options(self.rsa, state),
                                 says="register")

    def test_assignments_spoiled_in_any_way_are_refused(self):
        self.every("assignments", "policy", "list")

    def test_a_policy_spoiled_in_any_way_is_not_written(self):
        self.every("policy", "policy", "get", self.secret, "-o",
                   self.work / "out")

    def test_a_document_spoiled_in_any_way_is_refused(self):
        self.every("document", "mp", "list")

    def test_a_wrong_signature_is_refused_over_tls_too(self):
        for mode in ("wrong-signer", "tampered-payload", "bad-cms"):
            with self.subTest(mode):
                self.spoiled(mode, "assignments", "policy", "list",
                             "--mp-signature", "tls", state=self.state)

    def test_an_unsigned_reply_is_accepted_over_tls_only_when_asked(self):
        with house.Point(self.point_dir, "--misbehave",
                         "no-hook:assignments") as point:
            options = point.options(self.rsa, self.state)
            done = self.sealpoint("policy", "list", "--mp-signature", "tls",
                                  *options)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("TLS", done.stderr)
            self.refuses("policy", "list", *options, says="signature|signed")


class Tls(house.Case):
    """The management point cannot be reached, or is not the one."""

    def ask(self, url, says, *options):
        return self.refuses(
            "mp", "list", "-k", self.rsa, "--mp", url, "--site", "PRI",
            "--ca", self.point_dir / "ca.pem", "--mp-certs",
            self.point_dir / "mp-sign.pem", "--state", self.work / "s",
            *options, says=says)

    def test_a_bad_certificate_is_refused_with_its_reason(self):
        for variant, word in (("expired", "expired"),
                              ("wrong-name", "localhost|name"),
                              ("untrusted", "trust|issuer|authority|ca")):
            with self.subTest(variant):
                with house.Point(self.point_dir, "--tls-cert",
                                 variant) as point:
                    self.ask(point.url, word)
                    self.assertEqual(
                        [v for v in point.verdicts()
                         if v["kind"] != "tls-handshake"], [])

    def test_nobody_listening_is_said(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.ask(f"https://localhost:{s.getsockname()[1]}",
                     ("localhost", "connect|reach|refused"))

    def test_a_silent_server_is_given_up(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            self.ask(f"https://localhost:{s.getsockname()[1]}",
                     "time|second", "--timeout", "2")

    def test_an_unknown_host_is_said(self):
        self.ask("https://no-such-host.invalid", "no-such-host.invalid")


if __name__ == "__main__":
    unittest.main()
