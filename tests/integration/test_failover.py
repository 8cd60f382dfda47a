"""One key on two tokens: when a token or its worker goes, the other one
serves, and nobody who has time left sees a failure."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

import caller
import house

sys.path.insert(0, str(house.ROOT / "tests/faultmod"))
import faultmod  # noqa: E402

CLIENTS = 8


class Rig(house.Case):
    """Two tokens, first and second, each behind a module that fails on
    command; both hold one RSA key and its certificate."""

    want_agent = False
    settings = ("", "")  # of the sections of the two tokens

    @classmethod
    def prepare(cls):
        cls.copy_key()
        cls.modules = [
            faultmod.Faultmod(cls.dir, cls.token.module, house.BUILD,
                              f"{name}.so")
            for name in ("first", "second")]
        for module in cls.modules:
            cls.addClassCleanup(module.close)
        cls.token.configure(cls.configuration)

    @classmethod
    def copy_key(cls):
        """Makes the key, and writes it to both tokens."""
        work = cls.token.dir
        key, pem = work / "twin.key", work / "twin.pem"
        cls.token.quietly("openssl", "req", "-x509", "-newkey", "rsa:2048",
                          "-nodes", "-keyout", key, "-out", pem, "-subj",
                          "/CN=twin", "-days", "30")
        cls.token.quietly("openssl", "x509", "-in", pem, "-outform", "DER",
                          "-out", work / "twin.der")
        pin = (work / "pin").read_text()
        secrets = {**cls.token.environment(), "PIN": pin, "SO": "12345678"}
        tool = ["pkcs11-tool", "--module", cls.token.module]
        # The first slot that is free is the last one.
        cls.token.quietly("softhsm2-util", "--init-token", "--free",
                          "--label", "second", "--so-pin", "12345678",
                          "--pin", pin, env=secrets)
        for label in ("sealpoint", "second"):
            for kind, file in (("privkey", key), ("cert", work / "twin.der")):
                cls.token.quietly(
                    *tool, "--token-label", label, "--login", "--pin",
                    "env:PIN", "--write-object", file, "--type", kind,
                    "--id", "77", "--label", "twin", env=secrets)
        cls.identity = caller.Identity(pem.read_bytes())
        cls.twin = cls.token.thumbprint("twin")

    @classmethod
    def configuration(cls, text):
        first = re.sub("(?m)^module = .*",
                       f"module = {cls.modules[0].path}", text)
        section = re.search(r"\[token sealpoint\].*?\n\n", first, re.S).group()
        second = (section.replace("[token sealpoint]", "[token second]")
                  .replace("token=sealpoint", "token=second")
                  .replace(str(cls.modules[0].path),
                           str(cls.modules[1].path)))
        return first.replace(
            section, section.strip() + f"\n{cls.settings[0]}\n\n"
            + second.strip() + f"\n{cls.settings[1]}\n\n")

    def setUp(self):
        super().setUp()
        type(self).agent = self.start_agent()
        self.addCleanup(self.drop)
        house.wait_for(lambda: all(t["state"] == "ready"
                                   for t in self.tokens()), "both tokens")

    def drop(self):
        for module in self.modules:
            module.disarm()
            module.absent = 0
        self.agent.stop()
        type(self).agent = None

    def tokens(self):
        return self.asks_status()

    def asks_status(self):
        return house.json.loads(
            self.sealpoint("--json", "status").stdout or "[]")

    def served(self):
        return [t["served"] for t in self.tokens()]

    def worker(self, index):
        """Process of a token's worker, as its module says."""
        return self.modules[index].pid

    def crowd(self):
        return caller.Crowd(self.agent.socket, self.identity, CLIENTS)

    def more(self, crowd, count=200):
        """Waits until so many more are answered."""
        target = crowd.done + count
        house.wait_for(lambda: crowd.done >= target or crowd.errors,
                       f"{count} more answers")

    def nobody_noticed(self, crowd):
        self.assertEqual(crowd.errors, [])
        self.assertEqual(crowd.failures, [])


class Equal(Rig):
    """Neither is preferred."""

    def test_both_serve_and_a_worker_killed_under_load_is_not_noticed(self):
        with self.crowd() as crowd:
            self.more(crowd)
            self.assertTrue(all(self.served()), self.served())
            for index in (0, 1, 0):
                old = self.worker(index)
                os.kill(old, signal.SIGKILL)
                self.more(crowd)
                house.wait_for(lambda i=index, o=old: self.worker(i) != o
                               and self.tokens()[i]["state"] == "ready",
                               "another worker")
        self.nobody_noticed(crowd)
        self.assertEqual([t["restarts"] for t in self.tokens()], [2, 1])

    def test_a_token_that_fails_every_signature_is_not_noticed(self):
        with self.crowd() as crowd:
            self.more(crowd)
            before = self.tokens()[1]
            with self.modules[0].fault("C_Sign", "CKR_DEVICE_ERROR"):
                house.wait_for(lambda: self.tokens()[1]["failovers"]
                               > before["failovers"], "a failover")
                self.more(crowd)
            after = self.tokens()[1]
        self.nobody_noticed(crowd)
        self.assertGreater(after["last_ms"], before["last_ms"])

    def test_both_workers_killed_at_once_are_waited_for(self):
        with self.crowd() as crowd:
            self.more(crowd)
            for index in (0, 1):
                os.kill(self.worker(index), signal.SIGKILL)
            self.more(crowd)
        self.assertEqual(crowd.errors, [])
        # What both had in hand, one after the other, is asked no third time.
        self.assertLessEqual(len(crowd.failures), CLIENTS)
        self.assertLessEqual({f[0] for f in crowd.failures}, {caller.DEVICE})


class Preferred(Rig):
    """The first one serves as long as it can."""

    settings = ("prefer = yes", "")

    def test_a_token_pulled_out_under_load_hands_over_and_comes_back(self):
        with self.crowd() as crowd:
            self.more(crowd)
            self.assertEqual(self.served()[1], 0)
            self.modules[0].remove()
            house.wait_for(lambda: self.tokens()[0]["state"] == "absent",
                           "the token's absence")
            self.more(crowd)
            self.assertGreater(self.served()[1], 0)
            self.modules[0].put_back()
            house.wait_for(lambda: self.tokens()[0]["state"] == "ready",
                           "the token's return")
            before = self.served()
            self.more(crowd)
            self.assertGreater(self.served()[0], before[0])
        self.nobody_noticed(crowd)

    def test_a_worker_that_hangs_is_ended_and_nobody_waits_in_vain(self):
        """One call hangs; what it was asked for comes from the other."""
        with caller.Caller(self.agent.socket, self.identity) as one:
            with self.modules[0].fault("C_Sign", action=faultmod.HANG):
                self.assertEqual(one.sign().status, caller.TIMEOUT)
                old = self.worker(0)
                house.wait_for(lambda: self.worker(0) != old, "another worker")
                self.assertEqual(one.sign().status, 0)

    @classmethod
    def configuration(cls, text):
        return super().configuration(text).replace(
            "[agent]\n", "[agent]\ndeadline = 2\n")


class Starting(house.Case):
    """One token, whose module takes its time to come up."""

    want_agent = False

    @classmethod
    def prepare(cls):
        cls.module = faultmod.Faultmod(cls.dir, cls.token.module, house.BUILD)
        cls.addClassCleanup(cls.module.close)
        cls.identity = caller.Identity(
            cls.token.certificate("rsa").read_bytes())

    def start(self, deadline, start):
        self.token.configure(
            lambda t: t.replace(self.token.module, str(self.module.path))
            .replace("sessions = 4", f"sessions = 4\ndeadline = {deadline}\n"
                     f"start = {start}"))
        type(self).agent = self.start_agent()
        self.addCleanup(self.drop)

    def drop(self):
        self.module.disarm()
        self.agent.stop()
        type(self).agent = None

    def caller(self):
        one = caller.Caller(self.agent.socket, self.identity)
        self.addCleanup(one.socket.close)
        return one

    def test_requests_wait_for_a_worker_that_is_coming(self):
        self.start(20, 60)
        one = self.caller()
        self.assertEqual(one.sign().status, 0)
        self.module.arm("C_Initialize", faultmod.DELAY, delay=1, times=1)
        os.kill(self.module.pid, signal.SIGKILL)
        began = time.monotonic()
        self.assertEqual(one.sign().status, 0)
        self.assertGreater(time.monotonic() - began, 0.5)

    def test_a_worker_that_hangs_in_its_start_is_ended_in_time(self):
        self.module.arm("C_Initialize", action=faultmod.HANG, times=1)
        began = time.monotonic()
        self.start(10, 2)
        self.assertEqual(self.caller().sign().status, 0)
        self.assertGreater(time.monotonic() - began, 1.5)
        self.assertLess(time.monotonic() - began, 8)
        self.assertIn("answers nothing", self.agent.said())
        self.assertEqual(self.status()["restarts"], 1)

    def test_a_module_that_dies_in_every_start_is_not_waited_for(self):
        self.module.arm("C_Initialize", faultmod.SIGNAL, signal.SIGSEGV)
        self.start(20, 60)
        one = self.caller()
        # Nobody knows its keys: it is as if there were none.
        began = time.monotonic()
        self.assertNotEqual(one.sign().status, 0)
        self.assertLess(time.monotonic() - began, 15)
        self.module.disarm()
        house.wait_for(lambda: one.sign().status == 0, "recovery", 60)


if __name__ == "__main__":
    unittest.main()
