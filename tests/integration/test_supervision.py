"""The agent's processes when one of them ends, hangs or is left behind; the
sources of PIN and module that the other suites do not use."""
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest
from unittest import mock

import house

PING, STATUS = 2, 8


def packet(kind, number, body=b""):
    """A request of the agent's protocol, version 1."""
    return struct.pack(">BBHI", 1, kind, 0, number) + body


class Ends(house.Case):
    """What ends is started again, and no request is lost with it."""

    @classmethod
    def prepare(cls):
        cls.control = cls.dir / "control.sock"
        cls.token.configure(lambda t: t.replace(
            "[agent]\n",
            f"[agent]\ndeadline = 2\ncontrol = {cls.control}\n"))

    def sign(self, **options):
        return self.sealpoint("sign", "-k", self.rsa, "-i", "/etc/passwd",
                              "-o", self.work / "sig", **options)

    def front(self):
        return [pid for pid, name in self.agent.descendants().items()
                if name.startswith("sealpoint-front")]

    def test_a_front_that_ends_is_started_again(self):
        self.does("keys")
        old = self.front()
        os.kill(old[0], signal.SIGKILL)
        house.wait_for(lambda: self.front() not in ([], old), "another front")
        self.does("keys")
        self.assertEqual(self.sign().returncode, 0)

    def test_a_front_without_descriptors_rests_and_serves_afterwards(self):
        self.does("keys")
        front, = self.front()

        def busy():
            """Seconds of a processor that it used."""
            stat = pathlib.Path(f"/proc/{front}/schedstat").read_text()
            return int(stat.split()[0]) / 1e9

        limits = resource.prlimit(front, resource.RLIMIT_NOFILE)
        resource.prlimit(front, resource.RLIMIT_NOFILE, (3, limits[1]))
        self.addCleanup(resource.prlimit, front, resource.RLIMIT_NOFILE,
                        limits)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client, \
                socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
            client.settimeout(20)
            client.connect(self.agent.socket)
            other.connect(str(self.control))
            client.send(packet(PING, 7))
            before = busy()
            time.sleep(0.7)
            self.assertLess(busy() - before, 0.1)
            for where in ("agent's", "control"):
                self.assertEqual(self.agent.said().count(
                    f"accepted at the {where} socket: Too many open"), 1)
            resource.prlimit(front, resource.RLIMIT_NOFILE, limits)
            self.assertEqual(client.recv(65536)[4:8], packet(PING, 7)[4:])
        self.does("status", "--metrics", "--control", self.control)

    def test_no_signature_is_lost_while_workers_are_killed(self):
        self.does("keys")
        failed, done = [], []

        def keep_signing(name):
            while not done:
                result = self.sealpoint(
                    "sign", "-k", self.rsa, "-i", "/etc/passwd",
                    "-o", self.work / name)
                if result.returncode != 0:
                    failed.append(result.stderr)

        threads = [threading.Thread(target=keep_signing, args=(f"sig{i}",))
                   for i in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(0.7)
            for pid in self.agent.workers():
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.7)
        done.append(True)
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])

    def test_a_worker_that_hangs_is_ended_and_the_next_one_serves(self):
        self.does("keys")
        self.assertEqual(self.sign().returncode, 0)
        old = self.agent.workers()
        os.kill(old[0], signal.SIGSTOP)
        start = time.monotonic()
        self.refuses("sign", "-k", self.rsa, "-i", "/etc/passwd",
                     "-o", self.work / "sig", says=("2000 ms", "status"))
        self.assertLess(time.monotonic() - start, 15)
        house.wait_for(lambda: self.agent.workers() not in ([], old),
                       "another worker")
        self.assertEqual(self.sign().returncode, 0)
        self.assertGreaterEqual(self.status()["restarts"], 1)

    def test_a_second_daemon_does_not_take_the_socket(self):
        done = subprocess.run(
            [house.program("sealpointd"), "-c",
             self.token.dir / "sealpointd.conf"], timeout=30,
            capture_output=True, text=True, check=False,
            env=self.token.environment())
        self.assertEqual(done.returncode, 1)
        self.assertIn("another sealpointd uses", done.stderr)
        self.does("keys")

    def test_a_client_that_never_reads_is_dropped_alone(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as deaf:
            deaf.settimeout(20)
            deaf.connect(self.agent.socket)
            start = time.monotonic()
            with self.assertRaises((BrokenPipeError, ConnectionError)):
                for number in range(200000):
                    deaf.send(packet(PING, number))
                    if number == 1000:
                        self.does("keys")
            # Not before the deadline, and not much after it.
            self.assertGreater(time.monotonic() - start, 1.5)
            self.assertLess(time.monotonic() - start, 15)
            self.does("keys")

    def test_a_crowd_that_leaves_keeps_no_descriptor_of_the_worker(self):
        self.does("keys")
        self.assertEqual(self.sign().returncode, 0)

        def descriptors():
            worker = self.agent.workers()[0]
            return len(list(pathlib.Path(f"/proc/{worker}/fd").iterdir()))

        before = descriptors()
        crowd = []
        for _ in range(400):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.connect(self.agent.socket)
            s.send(packet(STATUS, 1, b"\0\0"))
            crowd.append(s)
        for s in crowd:
            s.settimeout(20)
            s.recv(65536)
        self.assertGreater(descriptors(), before + 300)
        for s in crowd:
            s.close()
        house.wait_for(lambda: descriptors() <= before + 2,
                       "the end of the lent descriptors")


class Deserted(house.Case):

    def test_nobody_outlives_a_supervisor_that_is_killed(self):
        self.does("keys")
        children = list(self.agent.descendants())
        self.assertGreaterEqual(len(children), 2)
        self.agent.child.kill()
        self.agent.child.wait()

        def gone(pid):
            try:
                state = pathlib.Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                return True
            return state.rpartition(")")[2].split()[0] == "Z"

        house.wait_for(lambda: all(gone(pid) for pid in children),
                       "the end of the children")
        # What it left behind does not keep the next one from starting.
        type(self).agent = self.start_agent()
        self.does("keys")


class Unstartable(house.Case):
    """The program of the workers goes, and comes back."""

    @classmethod
    def start_agent(cls):
        cls.programs = cls.dir / "bin"
        cls.programs.mkdir()
        for name in ("sealpointd", "sealpoint-front", "sealpoint-token"):
            shutil.copy(house.program(name), cls.programs / name)
        with mock.patch("house.program", lambda name: cls.programs / name):
            return super().start_agent()

    def fails(self, why):
        """It is told at once, not after a deadline."""
        house.wait_for(lambda: re.search(why, self.status()["trouble"]), why)
        self.assertEqual(self.status()["state"], "failed")
        start = time.monotonic()
        self.refuses("sign", "-k", self.rsa, "-i", "/etc/passwd",
                     "-o", self.work / "sig", says=why)
        self.assertLess(time.monotonic() - start, 10)

    def test_a_worker_that_cannot_be_started_is_told_with_the_reason(self):
        self.does("keys")
        program = self.programs / "sealpoint-token"
        away = self.programs / "away"
        program.rename(away)
        os.kill(self.agent.workers()[0], signal.SIGKILL)
        self.fails("cannot be started: No such file")
        program.write_text("no program")
        program.chmod(0o755)
        self.fails("3 times in a row")
        self.assertIn("sealpoint-token cannot be started: Exec format error",
                      self.agent.said())
        away.rename(program)
        house.wait_for(lambda: self.status()["state"] == "ready", "the worker")
        self.does("keys")


class Mended(house.Case):
    """Trouble that ends is over without a restart of the agent."""

    want_agent = False

    def test_a_mended_pin_and_a_found_token_are_seen_by_keys_and_status(self):
        self.token.configure()
        pin = self.token.dir / "pin"
        right = pin.read_text()
        pin.write_text("no" + right)
        type(self).agent = self.start_agent()
        self.addCleanup(self.drop)
        self.refuses("keys", says="pin")
        self.assertEqual(self.status()["state"], "pin")
        pin.write_text(right)
        house.wait_for(lambda: self.status()["state"] == "ready",
                       "the right PIN")
        self.does("keys")

    def drop(self):
        self.agent.stop()
        type(self).agent = None


class Rules(house.Case):

    def test_a_file_that_changes_changes_nothing_before_a_restart(self):
        self.does("keys")
        front = [pid for pid, name in self.agent.descendants().items()
                 if name.startswith("sealpoint-front")]
        self.token.configure(lambda t: t.replace("use = ", "use = nonsense, "))
        os.kill(front[0], signal.SIGKILL)
        house.wait_for(lambda: self.sealpoint("keys").returncode == 0,
                       "the same rules")


class Sources(house.Case):
    """Where PIN and module come from."""

    want_agent = False

    def served(self, change, **environment):
        self.token.configure(change)
        done = subprocess.run(
            [house.program("sealpointd"), "-c",
             self.token.dir / "sealpointd.conf", "--",
             self.sealpoint_program, "sign", "-k", self.rsa,
             "-i", "/etc/passwd", "-o", self.work / "sig"],
            capture_output=True, text=True, timeout=60, check=False,
            env={**self.token.environment(), **environment})
        return done

    def with_credential(self, text):
        return re.sub("(?m)^pin = .*", "pin = credential:card-pin", text)

    def test_the_pin_may_be_a_credential_of_systemd(self):
        place = self.work / "credentials"
        place.mkdir()
        shutil.copy(self.token.dir / "pin", place / "card-pin")
        # As systemd makes it: not for its owner alone.
        (place / "card-pin").chmod(0o440)
        done = self.served(self.with_credential,
                           CREDENTIALS_DIRECTORY=str(place))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_without_systemd_the_credential_is_missed_by_name(self):
        done = self.served(self.with_credential)
        self.assertEqual(done.returncode, 1)
        self.assertIn("LoadCredential", done.stderr)

    def test_a_pin_file_that_others_may_read_is_refused(self):
        loose = self.work / "pin"
        shutil.copy(self.token.dir / "pin", loose)
        loose.chmod(0o644)
        done = self.served(lambda t: re.sub(
            "(?m)^pin = .*", f"pin = file:{loose}", t))
        self.assertEqual(done.returncode, 1)
        self.assertIn("chmod 600", done.stderr)

    @unittest.skipUnless(
        pathlib.Path("/usr/share/p11-kit/modules/softhsm2.module").exists(),
        "SoftHSM2 is not registered with p11-kit here")
    def test_the_module_may_be_a_registered_name(self):
        done = self.served(lambda t: re.sub(
            "(?m)^module = .*", "module = softhsm2", t))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_exit_status_of_the_command_is_ours(self):
        self.token.configure()
        for words, status in ((["false"], 1), (["sh", "-c", "exit 42"], 42),
                              (["sh", "-c", "kill -9 $$"], 137),
                              (["/nonexistent/command"], 127)):
            done = subprocess.run(
                [house.program("sealpointd"), "-c",
                 self.token.dir / "sealpointd.conf", "--", *words],
                capture_output=True, timeout=30, check=False,
                env=self.token.environment())
            self.assertEqual(done.returncode, status, done.stderr)


if __name__ == "__main__":
    unittest.main()
