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
# Policy bodies and documents carry no signature: what TLS carried, and what
# can be read, is shown. Both come by GET, in no frame.
HARMLESS = {("tampered-payload", "document"), ("tampered-payload", "policy"),
            ("no-boundary", "document"), ("no-boundary", "policy")}


def modes():
    """{kind: [mode...]}, as the test management point knows them."""
    found = {}
    for mode, (kinds, _) in misbehave.MODES.items():
        for kind in kinds:
            found.setdefault(kind, []).append(mode)
    return found


class Spoiled(house.Case):
    """What each kind's tests share: a client that registered with the
    management point while that was well."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.state = cls.dir / "registered"
        with house.Point(cls.point_dir) as point:
            cls.point = point
            cls.port = point.port
            case = cls()
            case.register(cls.state)
            options = point.options(cls.rsa, cls.state)
            cls.secret = [p["id"] for p in case.asks("policy", "list",
                                                     *options)
                          if int(p["flags"]) & 68 == 68][0]
        cls.point = None

    def runTest(self):
        """For the one registration of the class."""

    def misbehaving(self, mode, kind):
        return house.Point(self.point_dir, "--misbehave", f"{mode}:{kind}",
                           port=self.port)

    def remembered(self, state):
        """What the state says, whatever the bytes of its files are."""
        with sqlite3.connect(f"file:{state}/client.db?mode=ro",
                             uri=True) as db:
            return hashlib.sha256(
                "\n".join(db.iterdump()).encode()).hexdigest()

    def spoiled(self, mode, kind, *command, state):
        """Asks, and is refused for what the mode does: the sentence."""
        out = self.work / "out"
        with self.misbehaving(mode, kind) as point:
            options = point.options(self.rsa, state)
            if mode in TIMED:
                options += ["--timeout", "2"]
            said = self.refuses(*command, *options,
                                says=r"localhost|policy \{")
        self.assertNotIn("sealpoint register", said)
        self.assertFalse(out.exists())
        self.assertLess(len(said), 1500)
        return said

    def every(self, kind, *command):
        """Each mode for kind; the registered state must survive it."""
        before = self.remembered(self.state)
        for mode in modes()[kind]:
            if (mode, kind) in HARMLESS:
                continue
            with self.subTest(mode):
                self.spoiled(mode, kind, *command, state=self.state)
                self.assertEqual(self.remembered(self.state), before)


class Registration(Spoiled):

    def test_spoiled_in_any_way_it_registers_nobody(self):
        for mode in modes()["registration"]:
            with self.subTest(mode):
                state = self.work / mode
                self.spoiled(mode, "registration", "register", "--wait", "5",
                             state=state)
                # What it remembers is asked before any network.
                self.refuses("policy", "list", "-k", self.rsa, "--mp",
                             f"https://localhost:{self.port}", "--site",
                             "PRI", "--mp-certs",
                             self.point_dir / "mp-sign.pem", "--state",
                             state, *house.NAMES, says="sealpoint register")


class Assignments(Spoiled):

    def test_spoiled_in_any_way_they_are_refused(self):
        self.every("assignments", "policy", "list")

    def test_a_wrong_signature_is_refused_over_tls_too(self):
        for mode in ("wrong-signer", "tampered-payload", "bad-cms"):
            with self.subTest(mode):
                self.spoiled(mode, "assignments", "policy", "list",
                             "--mp-signature", "tls", state=self.state)

    def test_an_unsigned_reply_is_accepted_over_tls_only_when_asked(self):
        with self.misbehaving("no-hook", "assignments") as point:
            options = point.options(self.rsa, self.state)
            done = self.sealpoint("policy", "list", "--mp-signature", "tls",
                                  *options)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("TLS", done.stderr)
            self.refuses("policy", "list", *options, says="signature|signed")


    def test_sha1_is_believed_only_when_asked(self):
        with self.misbehaving("sha1", "assignments") as point:
            options = point.options(self.rsa, self.state)
            self.refuses("policy", "list", *options, says="--mp-hash sha1")
            self.does("policy", "list", "--mp-hash", "sha1", *options)


class Policy(Spoiled):

    def test_spoiled_in_any_way_it_is_not_written(self):
        self.every("policy", "policy", "get", self.secret, "-o",
                   self.work / "out")


class Document(Spoiled):

    def test_spoiled_in_any_way_it_is_refused(self):
        self.every("document", "mp", "list")


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
                     "time|second|within", "--timeout", "2")

    def test_an_unknown_host_is_said(self):
        self.ask("https://no-such-host.invalid", "no-such-host.invalid")


if __name__ == "__main__":
    unittest.main()
