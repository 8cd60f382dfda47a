"""The agent under bad conditions: wrong PIN, absent token, callers who may
not, strangers' bytes."""
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import unittest

import house


class NoAgent(house.Case):

    want_agent = False

    def test_an_agent_that_does_not_run_is_said_with_the_next_step(self):
        self.refuses("keys", env={"SEALPOINT_AGENT": "/nonexistent/s"},
                     says=("/nonexistent/s", "sealpointd|start"))

    def test_a_socket_that_nobody_serves_is_said(self):
        path = str(self.work / "s")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.bind(path)
        self.refuses("keys", env={"SEALPOINT_AGENT": path}, says="agent")

    def refused_configuration(self, change, *words):
        self.token.configure(change)
        done = subprocess.run(
            [house.program("sealpointd"), "-c",
             self.token.dir / "sealpointd.conf"],
            capture_output=True, text=True, timeout=30, check=False,
            stdin=subprocess.DEVNULL, env=self.token.environment())
        self.assertNotEqual(done.returncode, 0)
        for word in words:
            self.assertRegex(done.stderr, word)

    def test_a_misspelt_setting_is_refused_by_name(self):
        self.refused_configuration(
            lambda t: t.replace("use = ", "usage = "), "usage", "conf:")

    def test_a_pin_in_the_configuration_is_refused_and_not_repeated(self):
        self.refused_configuration(
            lambda t: re.sub("(?m)^pin = .*", "pin = 93174625", t), "PIN")
        done = self.token.dir / "sealpointd.log"
        self.assertFalse(done.exists() and "93174625" in done.read_text())

    def test_a_file_that_others_may_write_is_not_believed(self):
        conf = self.token.configure()
        conf.chmod(0o666)
        self.addCleanup(conf.chmod, 0o600)
        self.refused_configuration(lambda t: t, "chmod")


class WrongPin(house.Case):

    want_agent = False

    def setUp(self):
        super().setUp()
        self.pin = self.token.dir / "pin"
        self.right = self.pin.read_text()
        self.addCleanup(self.pin.write_text, self.right)

    def ask(self):
        """A request that needs the token; what the agent's state says."""
        self.assertNotEqual(self.sealpoint(
            "sign", "-k", self.rsa, "-i", self.token.dir / "module", "-o",
            self.work / "sig").returncode, 0)
        return self.status()

    def test_it_reaches_the_token_once_however_often_all_is_restarted(self):
        self.pin.write_text("000000")
        quiet = self.token.logged_in()
        type(self).agent = self.start_agent()
        try:
            house.wait_for(lambda: self.ask()["state"] != "starting",
                           "the token's state")
            tried = self.token.logged_in()
            self.assertNotEqual(tried, quiet, "was never tried")
            said = self.ask()
            self.assertIn("PIN", said["trouble"])
            for _ in range(3):
                for worker in self.agent.workers():
                    os.kill(worker, signal.SIGKILL)
                house.wait_for(self.agent.workers, "a new worker")
                self.ask()
                self.agent.stop()
                type(self).agent = self.start_agent()
                self.ask()
            self.assertEqual(self.token.logged_in(), tried)
            self.assertNotIn("000000", self.agent.said())
            self.right_pin_is_taken_up()
        finally:
            self.agent.stop()
            type(self).agent = None

    def right_pin_is_taken_up(self):
        self.pin.write_text(self.right)
        self.agent.stop()
        type(self).agent = self.start_agent()
        self.does("sign", "-k", self.rsa, "-i", self.token.dir / "module",
                  "-o", self.work / "sig")

    def test_the_witness_is_sound_a_wrong_login_shows(self):
        before = self.token.logged_in()
        subprocess.run(
            ["pkcs11-tool", "--module", self.token.module, "--token-label",
             "sealpoint", "--login", "--pin", "env:PIN", "-O"],
            env={**self.token.environment(), "PIN": "000000"},
            capture_output=True, check=False)
        self.assertNotEqual(self.token.logged_in(), before)


class Absent(house.Case):

    want_agent = False

    def with_agent(self, change, *words):
        self.token.configure(change)
        type(self).agent = self.start_agent()
        try:
            sign = ("sign", "-k", self.rsa, "-i", self.token.dir / "module",
                    "-o", self.work / "sig")
            house.wait_for(
                lambda: re.search(words[0], self.sealpoint(*sign).stderr),
                f"a sentence with {words[0]}")
            self.refuses(*sign, says=words)
        finally:
            self.agent.stop()
            type(self).agent = None
            self.token.configure()

    def test_an_absent_token_is_named(self):
        self.with_agent(lambda t: t.replace("token=sealpoint", "token=gone"),
                        "gone")

    def test_a_module_that_is_not_there_is_named(self):
        self.with_agent(
            lambda t: re.sub("(?m)^module = .*",
                             "module = /nonexistent/p11.so", t),
            "/nonexistent/p11.so")


class Access(house.Case):
    """Who may use which key for what: nothing unless said."""

    want_agent = False

    def with_agent(self, change):
        """An agent whose socket anybody may reach."""
        place = self.dir / "run"
        place.mkdir(mode=0o755, exist_ok=True)
        self.token.configure(lambda t: change(re.sub(
            "(?m)^socket = .*", f"socket = {place}/agent.sock", t)))
        type(self).agent = self.start_agent()
        self.addCleanup(self.drop)

    def drop(self):
        self.agent.stop()
        type(self).agent = None

    def sign(self, **options):
        return self.sealpoint("sign", "-k", self.rsa, "-i", "/etc/passwd",
                              "-o", self.work / "sig", **options)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to be another user")
    def test_another_user_sees_no_key_and_may_use_none(self):
        self.with_agent(lambda t: t)
        self.does("keys")
        copy = self.dir / "sealpoint-copy"
        shutil.copy(self.sealpoint_program, copy)
        copy.chmod(0o755)
        other = ["setpriv", f"--reuid={house.NOBODY}",
                 f"--regid={house.NOBODY}", "--clear-groups", copy]
        env = {**os.environ, "SEALPOINT_AGENT": self.agent.socket,
               "HOME": "/nonexistent"}
        listed = subprocess.run([*other, "--json", "keys"], env=env,
                                capture_output=True, text=True, check=False)
        self.assertNotIn(self.rsa, listed.stdout)
        signed = subprocess.run(
            [*other, "sign", "-k", self.rsa, "-i", "/etc/passwd", "-o", "-"],
            env=env, capture_output=True, check=False)
        self.assertEqual(signed.returncode, 1)
        self.assertEqual(signed.stdout, b"")
        self.does("keys")

    def test_a_use_that_is_not_allowed_is_refused_by_name(self):
        self.with_agent(lambda t: re.sub("(?m)^use = .*", "use = decrypt", t))
        done = self.sign()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.lower(), "not allowed|may not|sign")
        cms = self.work / "cms"
        self.openssl("cms", "-encrypt", "-binary", "-in", "/etc/passwd",
                     "-out", cms, "-outform", "DER", "-recip",
                     self.token.certificate("rsa"))
        self.does("decrypt", "-k", self.rsa, "-i", cms, "-o", "-")

    def test_a_key_for_tls_alone_signs_nothing_else(self):
        self.with_agent(lambda t: re.sub("(?m)^use = .*", "use = tls", t))
        self.assertEqual(self.sign().returncode, 1)
        with house.Point(self.point_dir) as point:
            self.asks("mp", "list", *point.options(self.rsa,
                                                   self.work / "s"))

    def test_only_the_named_key_may_be_used(self):
        self.with_agent(lambda t: t.replace("key = *", f"key = {self.ec}"))
        self.assertEqual([k["thumbprint"] for k in self.asks("keys")],
                         [self.ec])
        self.assertEqual(self.sign().returncode, 1)


class Strangers(house.Case):
    """Bytes that are no packets disturb nobody."""

    def packets(self):
        rng = random.Random(20261123)
        head = bytes([1, 6, 0, 0, 0, 0, 0, 1])
        for _ in range(400):
            yield rng.randbytes(rng.randrange(0, 2000))
            yield bytes([1, rng.randrange(256), 0, 0]) + rng.randbytes(
                rng.randrange(0, 200))
            yield head + rng.randbytes(rng.randrange(0, 60000))
        yield b""
        yield b"\1" * 65536

    def disturb(self):
        for packet in self.packets():
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.connect(self.agent.socket)
                s.settimeout(5)
                try:
                    s.send(packet)
                    if len(packet) % 3 == 0:
                        s.recv(65536)
                except OSError:
                    pass

    def test_random_packets_do_not_disturb_another_client(self):
        self.does("keys")
        before = self.agent.descendants()
        stranger = threading.Thread(target=self.disturb)
        stranger.start()
        signatures = 0
        while stranger.is_alive() or signatures < 5:
            self.does("sign", "-k", self.ec, "-i", "/etc/passwd", "-o",
                      self.work / "sig")
            signatures += 1
        stranger.join()
        self.assertEqual(self.agent.descendants(), before)
        self.assertEqual(self.status()["restarts"], 0)

    def test_connections_that_say_nothing_do_not_starve_others(self):
        held = []
        try:
            for _ in range(200):
                s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                held.append(s)
                s.connect(self.agent.socket)
            self.does("keys")
        finally:
            for s in held:
                s.close()

    @unittest.skipUnless(os.geteuid() == 0, "the processes show others nothing")
    def test_the_front_holds_no_pin_and_no_module(self):
        module = pathlib.Path(self.token.module).resolve().name
        pids = [self.agent.child.pid, *self.agent.descendants()]
        loaded = [p for p in pids if module in pathlib.Path(
            f"/proc/{p}/maps").read_text()]
        self.assertEqual(loaded, self.agent.workers())


if __name__ == "__main__":
    unittest.main()
