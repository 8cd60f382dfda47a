"""PINs from every source, locks, and who may do what at the control socket."""
import hashlib
import os
import pathlib
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

import house

sys.path.insert(0, str(house.ROOT / "tests/faultmod"))
import faultmod  # noqa: E402  pylint: disable=wrong-import-position

LOCK, UNLOCK, METRICS, PROBE, RELOAD, PIN = range(33, 39)
SECRET_WRONG = "9182736455"


class Pins(house.Case):
    """An agent of its own for each test, on one token."""

    want_agent = False

    @classmethod
    def prepare(cls):
        cls.right = (cls.token.dir / "pin").read_text().strip()
        cls.control = cls.dir / "control.sock"

    @staticmethod
    def adapt(text):
        """The configuration, changed as the class needs it."""
        return text

    def run_agent(self, source, *more, fds=()):
        """An agent that has its PIN from `source`."""
        lines = "\n".join(more)
        conf = self.token.configure(lambda text: self.adapt(re.sub(
            r"(?m)^pin *=.*$", f"pin = {source}\n{lines}", text).replace(
                "[agent]", f"[agent]\ncontrol = {self.control}")))
        (self.token.dir / "sealpointd.log").unlink(missing_ok=True)
        self.name = re.search(r"\[token (\S+)\]", conf.read_text()).group(1)
        self.state = pathlib.Path(
            re.search(r"(?m)^state *= *(.*)$", conf.read_text()).group(1))
        for old in self.state.glob("*"):
            if old.name.startswith(("locked.", "pin-guard")):
                old.unlink()
        self.restart(fds)

    def restart(self, fds=()):
        previous = house.subprocess.Popen
        if fds:
            def popen(*a, **k):
                return previous(*a, pass_fds=fds, **k)
            house.subprocess.Popen = popen
        try:
            self.agent = house.Agent(self.token)
        finally:
            house.subprocess.Popen = previous
        self.addCleanup(self.stop)

    def stop(self):
        if self.agent is not None:
            agent, self.agent = self.agent, None
            agent.stop()

    def sealpoint(self, *arguments, **options):
        env = {"SEALPOINT_CONTROL": str(self.control)}
        return super().sealpoint(*arguments, env=env, **options)

    def sign(self):
        return self.sealpoint_bytes(
            "sign", "-k", self.rsa, "-d", "sha256", "-i", "/etc/hostname")

    def signs(self):
        done = self.sign()
        self.assertEqual(done.returncode, 0, done.stderr)

    def signs_not(self, *says):
        done = self.sign()
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in says:
            self.assertIn(word, done.stderr)

    def unlock(self, pin, status=0):
        read, write = os.pipe()
        os.write(write, pin.encode())
        os.close(write)
        try:
            done = self.sealpoint("unlock", self.name, stdin=read)
        finally:
            os.close(read)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def state_is(self, word):
        house.wait_for(lambda: self.status()["state"] == word,
                       f"state {word}", 10)

    def worker(self):
        house.wait_for(self.agent.workers, "a worker")
        return self.agent.workers()[0]

    def kill_worker(self):
        old = self.worker()
        os.kill(old, signal.SIGKILL)
        house.wait_for(lambda: self.agent.workers() not in ([], [old]),
                       "a new worker")

    def nowhere(self, *secrets):
        """No PIN in any process's arguments or environment, or in the log."""
        told = self.agent.said()
        for pid in [self.agent.child.pid, *self.agent.descendants()]:
            for name in ("cmdline", "environ"):
                told += pathlib.Path(f"/proc/{pid}/{name}").read_bytes() \
                    .decode(errors="replace")
        for secret in secrets:
            self.assertNotIn(secret, told)

    def packet(self, path, kind, body=b"", user=None):
        """Status of the reply to a packet; None: the agent hung up."""
        code = ("import os,socket,struct,sys\n"
                "s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)\n"
                "s.settimeout(20)\n"
                "try:\n"
                " s.connect(sys.argv[1]); s.send(bytes.fromhex(sys.argv[2]))\n"
                " r=s.recv(65536)\n"
                "except OSError: r=b''\n"
                "print(struct.unpack('>H',r[2:4])[0] if len(r)>=8 else -1)\n")
        head = struct.pack(">BBHI", 1, kind, 0, 7)
        said = subprocess.run(
            ["/usr/bin/python3", "-c", code, str(path), (head + body).hex()],
            user=user, capture_output=True, check=True, timeout=60,
            text=True).stdout
        return None if int(said) < 0 else int(said)


class Sources(Pins):
    def test_an_askpass_program_is_asked_for_each_login(self):
        asked = self.work / "asked"
        program = self.work / "askpass"
        program.write_text(f"#!/bin/sh\necho \"$1\" >>{asked}\n"
                           f"cat {self.token.dir}/pin\n")
        program.chmod(0o755)
        self.work.chmod(0o755)
        self.run_agent(f"askpass:{program}")
        self.signs()
        self.assertEqual(asked.read_text().count("\n"), 1)
        self.assertIn(f"token {self.name}", asked.read_text())
        self.kill_worker()
        self.state_is("ready")
        self.signs()
        self.assertEqual(asked.read_text().count("\n"), 2)
        self.nowhere(self.right)

    def test_a_silent_askpass_program_is_given_up(self):
        program = self.work / "askpass"
        program.write_text("#!/bin/sh\nexec sleep 100\n")
        program.chmod(0o755)
        self.run_agent(f"askpass:{program}", "start = 1")
        self.signs_not("gave no answer within 750 ms")

    def test_an_askpass_program_that_says_nothing_is_named(self):
        self.run_agent("askpass:/bin/true")
        self.signs_not("/bin/true", "is empty")

    def test_a_pipe_outlives_a_killed_worker(self):
        read, write = os.pipe()
        os.write(write, f"{self.right}\n".encode())
        os.close(write)
        try:
            self.run_agent(f"fd:{read}", fds=(read,))
        finally:
            os.close(read)
        self.signs()
        for _ in range(2):
            self.kill_worker()
            self.state_is("ready")
            self.signs()
        self.nowhere(self.right)

    def test_a_refused_pin_of_a_program_reaches_the_token_once(self):
        program = self.work / "askpass"
        program.write_text(f"#!/bin/sh\necho {SECRET_WRONG}\n")
        program.chmod(0o755)
        before = self.token.logged_in()
        self.run_agent(f"askpass:{program}")
        self.signs_not("PIN")
        first = self.token.logged_in()
        self.assertNotEqual(before, first)
        for _ in range(2):
            self.kill_worker()
            self.state_is("pin")
            self.signs_not("PIN")
        self.assertEqual(self.token.logged_in(), first)
        self.nowhere(SECRET_WRONG)

    def test_a_file_that_others_may_read_is_refused(self):
        loose = self.work / "pin"
        loose.write_text(self.right)
        loose.chmod(0o644)
        self.run_agent(f"file:{loose}")
        self.signs_not("may be read by others")


    def test_a_credential_of_systemd_is_read_whatever_its_mode(self):
        os.environ["CREDENTIALS_DIRECTORY"] = str(self.work)
        self.addCleanup(os.environ.pop, "CREDENTIALS_DIRECTORY", None)
        credential = self.work / "card"
        credential.write_text(self.right + "\n")
        credential.chmod(0o444)
        self.run_agent("credential:card")
        self.signs()
        self.kill_worker()
        self.state_is("ready")
        self.signs()
        self.nowhere(self.right)
        self.stop()
        del os.environ["CREDENTIALS_DIRECTORY"]
        self.run_agent("credential:card")
        self.signs_not("credential:card", "CREDENTIALS_DIRECTORY",
                       "LoadCredential=")

    def test_a_credential_that_is_not_there_is_named(self):
        os.environ["CREDENTIALS_DIRECTORY"] = str(self.work)
        self.addCleanup(os.environ.pop, "CREDENTIALS_DIRECTORY", None)
        self.run_agent("credential:card")
        self.signs_not(f"{self.work}/card")


class Fitted(Pins):
    """A token with a PIN pad, or one that is swapped: the faulty module."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.module = faultmod.Faultmod(cls.token.dir, cls.token.module,
                                       house.BUILD)
        cls.held.callback(cls.module.close)

    def adapt(self, text):
        return re.sub("(?m)^module = .*", f"module = {self.module.path}", text)

    def setUp(self):
        super().setUp()
        self.module.flags_on = self.module.serial = 0
        self.right_before = self.module.logins_right
        self.wrong_before = self.module.logins_wrong

    def logins(self):
        """Right ones and wrong ones in this test."""
        return (self.module.logins_right - self.right_before,
                self.module.logins_wrong - self.wrong_before)

    def pad(self, pin):
        self.module.flags_on = "CKF_PROTECTED_AUTHENTICATION_PATH"
        self.module.type_on_pad(pin)

    def test_a_pin_pad_is_used_and_no_pin_is_sent(self):
        self.pad(self.right)
        self.run_agent("pinpad")
        self.signs()
        self.signs()
        self.assertEqual(self.logins(), (1, 0))

    def test_who_mistypes_at_the_pad_is_not_asked_again(self):
        self.pad(SECRET_WRONG)
        self.run_agent("pinpad")
        self.signs_not("CKR_PIN_INCORRECT", "pad")
        self.pad(self.right)
        self.signs_not("restart the agent")
        self.assertEqual(self.logins(), (0, 1))
        self.stop()
        self.restart()
        self.signs()
        self.assertEqual(self.logins(), (1, 1))

    def test_a_token_without_a_pad_is_told_so(self):
        self.run_agent("pinpad")
        self.signs_not("needs a PIN")
        self.assertEqual(self.logins(), (0, 0))

    def test_a_pin_that_was_brought_goes_to_no_other_token(self):
        """Same label, same slot, another serial number."""
        self.run_agent("ask")
        self.unlock(self.right)
        self.signs()
        self.assertEqual(self.logins(), (1, 0))
        self.module.remove()
        self.module.serial = ord("X")
        self.module.put_back()
        for _ in range(2):
            self.signs_not("another token than before")
        self.assertEqual(self.logins(), (1, 0))
        self.module.remove()
        self.module.serial = 0
        self.module.put_back()
        self.state_is("ready")
        self.signs()
        self.assertEqual(self.logins(), (2, 0))


class Asked(Pins):
    def test_the_pin_is_brought_and_told_right_or_wrong_at_once(self):
        self.run_agent("ask")
        self.state_is("pin")
        self.signs_not(f"sealpoint unlock {self.name}")
        before = self.token.logged_in()
        said = self.unlock(SECRET_WRONG + "\n", 1)
        self.assertIn("CKR_PIN_INCORRECT", said)
        once = self.token.logged_in()
        self.assertNotEqual(before, once)
        self.unlock(SECRET_WRONG + "\n", 1)
        self.assertEqual(self.token.logged_in(), once)
        self.assertIn("unlocked", self.unlock(self.right + "\n"))
        self.signs()
        self.nowhere(self.right, SECRET_WRONG)

    def test_a_terminal_asks_without_echo(self):
        self.run_agent("ask")
        pid, master = pty.fork()
        if pid == 0:
            os.environ.update(SEALPOINT_AGENT=str(self.agent.socket),
                              SEALPOINT_CONTROL=str(self.control))
            os.execv(self.sealpoint_program,
                     [str(self.sealpoint_program), "unlock"])
        said = b""
        while b": " not in said:
            said += os.read(master, 1024)
        self.assertIn(self.name.encode(), said)
        os.write(master, self.right.encode() + b"\r")
        try:
            while more := os.read(master, 1024):
                said += more
        except OSError:
            pass  # the terminal's way of saying that it ends
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0,
                         said)
        os.close(master)
        self.assertNotIn(self.right.encode(), said)
        self.signs()

    def test_the_pins_time_runs_out_and_it_stays_locked(self):
        self.run_agent("ask", "pin-ttl = 1")
        self.unlock(self.right)
        self.signs()
        self.state_is("locked")
        self.signs_not("locked", "sealpoint unlock")
        self.stop()
        self.restart()
        self.state_is("locked")
        self.unlock(self.right)
        self.signs()

    def test_an_absent_token_is_told_from_a_wrong_pin(self):
        self.run_agent("ask")
        self.stop()
        self.token.configure(lambda text: re.sub(
            r"(?m)^pin *=.*$", "pin = ask", text).replace(
                "token=sealpoint", "token=elsewhere").replace(
                    "[agent]", f"[agent]\ncontrol = {self.control}"))
        self.restart()
        self.state_is("absent")
        # It wants no PIN before it is there.
        door = f"{self.control}.{self.name}"
        self.assertEqual(self.packet(
            door, PIN, struct.pack(">H", 4) + b"1234"), 6)

    def test_a_silent_or_babbling_caller_does_no_harm(self):
        self.run_agent("ask")
        self.state_is("pin")
        door = f"{self.control}.{self.name}"
        for body in (b"", b"\0\0", b"\0\1\0", b"\0\5123", b"\1\1" + b"1" * 257):
            self.assertEqual(self.packet(door, PIN, body), 14, body)
        self.assertEqual(self.packet(door, LOCK, b"\0\0"), 14)
        self.assertEqual(self.packet(door, PIN, b"1" * 5000), None)
        self.unlock(self.right)
        self.signs()


class Locks(Pins):
    def test_a_lock_holds_until_it_is_lifted_whatever_restarts(self):
        self.run_agent(f"file:{self.token.dir / 'pin'}")
        self.signs()
        self.assertIn("locked", self.does("lock", self.name))
        self.signs_not("locked by the operator", f"unlock {self.name}")
        status = self.status()
        self.assertEqual(status["state"], "locked")
        # Nothing is asked of it, and what it did is still known.
        self.assertEqual((status["signatures"], status["logins"]), (1, 1))
        self.assertTrue((self.state / f"locked.{self.name}").exists())
        self.kill_worker()
        self.signs_not("locked by the operator")
        self.stop()
        self.restart()
        self.signs_not("locked by the operator")
        self.assertIn("unlocked", self.does("unlock", self.name))
        self.state_is("ready")
        self.signs()
        self.assertFalse((self.state / f"locked.{self.name}").exists())

    def test_a_lock_holds_at_once_while_the_worker_hangs(self):
        self.run_agent(f"file:{self.token.dir / 'pin'}")
        self.signs()
        worker = self.worker()
        os.kill(worker, signal.SIGSTOP)
        began = time.monotonic()
        self.does("lock")
        self.signs_not("locked by the operator")
        self.assertEqual(self.status()["state"], "locked")
        self.assertLess(time.monotonic() - began, 5)
        os.kill(worker, signal.SIGCONT)
        self.signs_not("locked by the operator")
        self.does("unlock", self.name)
        self.state_is("ready")
        self.signs()

    def test_sigusr1_locks_all(self):
        self.run_agent(f"file:{self.token.dir / 'pin'}")
        self.signs()
        self.agent.child.send_signal(signal.SIGUSR1)
        self.state_is("locked")
        self.signs_not("locked by the operator")
        self.does("unlock")
        self.state_is("ready")

    def test_only_root_and_the_agents_user_give_orders(self):
        self.run_agent("ask")
        self.control.chmod(0o666)
        door = pathlib.Path(f"{self.control}.{self.name}")
        door.chmod(0o666)
        for path, kind, body in ((self.control, LOCK, b"\0\0"),
                                 (self.control, METRICS, b"\0" * 4),
                                 (door, PIN, b"\0\1" + b"1")):
            self.assertIsNone(
                self.packet(path, kind, body, user=house.NOBODY))
        self.assertEqual(self.packet(self.control, LOCK, b"\0\0"), 0)

    def test_malformed_orders_are_refused(self):
        self.run_agent(f"file:{self.token.dir / 'pin'}")
        for kind, body in ((LOCK, b""), (UNLOCK, b"\0\1"), (METRICS, b"\0"),
                           (PROBE, b"\0\0\0"), (RELOAD, b"\0"), (PIN, b"")):
            self.assertEqual(self.packet(self.control, kind, body), 14, kind)
        self.assertEqual(self.packet(self.control, LOCK, b"\0\2no"), 3)
        self.refuses("lock", "no", says="no token no")
        self.signs()

    def test_a_probe_makes_a_signature_and_says_with_which_key(self):
        self.run_agent(f"file:{self.token.dir / 'pin'}")
        self.state_is("ready")
        before = self.status()["signatures"]
        row = self.asks("status", "--probe")[0]
        self.assertEqual((row["name"], row["result"]), (self.name, "ok"))
        self.assertIn(row["key"], (self.rsa, self.ec))
        self.assertGreater(row["microseconds"], 0)
        self.assertEqual(self.status()["signatures"], before + 1)
        self.does("lock")
        done = self.sealpoint("--json", "status", "--probe")
        self.assertEqual(done.returncode, 1)
        self.assertIn("locked by the operator", done.stdout)

    def test_reload_reads_the_file_again(self):
        self.run_agent(f"file:{self.token.dir / 'pin'}")
        self.signs()
        self.does("reload")
        house.wait_for(lambda: "was read again" in self.agent.said(),
                       "reload", 10)
        self.signs()


if __name__ == "__main__":
    unittest.main()
