"""Clients that misbehave at the socket, and what others notice of it: one
more client signs all the while, and gets each of its answers in time. Rules,
rates and descriptors are in test_rules."""
import errno
import os
import pathlib
import re
import resource
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

import house
import packet

CONNECTIONS = 10000
PATIENCE = 10  # seconds: what a busy machine may take for one signature
SANITIZED = b"__asan_init" in house.program("sealpointd").read_bytes()


class Bystander(threading.Thread):
    """Signs, one after another, and remembers the slowest."""

    def __init__(self, path, key):
        super().__init__()
        self.line = packet.Line(path)
        self.key = key
        self.done, self.slowest, self.failed = 0, 0.0, []
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(0.01):
            began = time.monotonic()
            try:
                status, text = self.line.sign(
                    self.key, packet.ECDSA, "sha256", os.urandom(32))
            except (AssertionError, OSError) as error:
                self.failed.append(repr(error))
                return
            self.slowest = max(self.slowest, time.monotonic() - began)
            if status:
                self.failed.append((status, text))
            self.done += 1


@unittest.skipUnless(os.geteuid() == 0, "is two users")
class Peers(house.Case):

    @classmethod
    def prepare(cls):
        place = cls.dir / "run"
        place.mkdir(mode=0o755)
        cls.token.configure(lambda text: re.sub(
            "(?m)^socket = .*", f"socket = {place}/agent.sock", text)
            + "\n[allow others]\nuser = nobody\nkey = *\nuse = sign\n"
            "rate = 100000/s\n")

    def setUp(self):
        super().setUp()
        self.does("keys")  # now the agent knows its token
        before = self.agent.descendants()
        self.ec_key = self.key("ec")
        self.other = Bystander(self.agent.socket, self.ec_key)
        self.other.start()
        self.addCleanup(self.undisturbed, before)

    def key(self, name):
        der = self.token.quietly(
            "openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in",
            self.token.certificate(name))
        return bytes.fromhex(der.partition("=")[2].strip().replace(":", ""))

    def undisturbed(self, before):
        """It goes on for a while after the mischief."""
        mark = self.other.done
        house.wait_for(lambda: self.other.done > mark + 5
                       or not self.other.is_alive(), "the other's answers")
        self.other.stopped.set()
        self.other.join()
        self.other.line.socket.close()
        self.assertEqual(self.other.failed, [])
        self.assertLess(self.other.slowest, PATIENCE)
        self.assertEqual(self.agent.descendants(), before)

    def as_another(self, mischief, meanwhile=lambda: None):
        """Runs it as nobody, whose share is not the other client's. What it
        holds, it holds until something else was done meanwhile."""
        ready, done = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.setgroups([])
                os.setgid(house.NOBODY)
                os.setuid(house.NOBODY)
                mischief()
                os.write(ready[1], b"!")
                os.close(done[1])
                os.read(done[0], 1)
                status = 0
            except BaseException as error:  # pylint: disable=broad-except
                print(repr(error), file=sys.stderr, flush=True)
            os._exit(status)
        os.close(ready[1])
        if os.read(ready[0], 1):
            meanwhile()
        for end in (ready[0], *done):
            os.close(end)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def request(self, number):
        digest = struct.pack(">Q", number) * 4
        return packet.header(packet.SIGN, number) + self.ec_key + struct.pack(
            ">BBBH", packet.ECDSA, 2, 1, 0) + packet.blob(digest)

    def answered_or_hung_up(self, line):
        try:
            answer = line.socket.recv(packet.LONGEST)
        except ConnectionResetError:
            return
        assert not answer or struct.unpack_from(">H", answer, 2)[0] != 0, \
            answer

    def test_empty_truncated_and_long_packets_are_refused(self):
        good = self.request(1)

        def mischief():
            for piece in (*(good[:n] for n in range(len(good))), good + b"\0",
                          bytes([2]) + good[1:], good[:2] + b"\0\1" + good[4:]):
                with packet.Line(self.agent.socket) as line:
                    line.socket.send(piece)
                    self.answered_or_hung_up(line)
            for size in (packet.LONGEST + 1, 100000):
                with packet.Line(self.agent.socket) as line:
                    line.socket.setsockopt(socket.SOL_SOCKET,
                                           socket.SO_SNDBUF, 4 * size)
                    line.socket.send(good + bytes(size - len(good)))
                    self.answered_or_hung_up(line)

        self.as_another(mischief)

    def test_a_packet_that_is_sent_again_is_answered_again(self):
        """Nothing hangs on a request being the first of its kind."""

        def mischief():
            with packet.Line(self.agent.socket) as line:
                for _ in range(20):
                    line.socket.send(self.request(7))
                for _ in range(20):
                    kind, status, number, _ = line.receive()
                    assert (kind, status, number) == (packet.SIGN, 0, 7)

        self.as_another(mischief)

    def test_ten_thousand_connections_keep_nobody_out(self):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if limit < CONNECTIONS + 100:
            self.skipTest(f"only {limit} descriptors")

        def mischief():
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            held, refused = [], 0
            for _ in range(CONNECTIONS):
                one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                one.setblocking(False)
                held.append(one)
                try:
                    one.connect(self.agent.socket)
                except OSError as error:
                    assert error.errno == errno.EAGAIN, error
                    refused += 1
            assert refused < CONNECTIONS, "none got in"
            self.held = held

        def meanwhile():
            with packet.Line(self.agent.socket) as line:
                self.assertEqual(line.ask(packet.PING), (0, b""))
            self.does("sign", "-k", self.ec, "-i", "/etc/passwd", "-o",
                      self.work / "sig")

        self.as_another(mischief, meanwhile)
        meanwhile()

    def test_clients_that_never_read_cost_nobody_else(self):
        def mischief():
            held = []
            for _ in range(40):
                line = packet.Line(self.agent.socket)
                held.append(line)
                line.socket.setblocking(False)
                try:
                    for number in range(1, 200):
                        line.socket.send(self.request(number))
                except BlockingIOError:
                    pass
            self.held = held

        self.as_another(mischief, lambda: time.sleep(1))

    def test_half_closed_connections_are_no_trouble(self):
        def mischief():
            for how in (socket.SHUT_WR, socket.SHUT_RD, socket.SHUT_RDWR):
                for _ in range(20):
                    with packet.Line(self.agent.socket) as line:
                        for number in range(1, 9):
                            line.socket.send(self.request(number))
                        line.socket.shutdown(how)
                        if how == socket.SHUT_WR:
                            line.socket.recv(packet.LONGEST)

        self.as_another(mischief)


@unittest.skipUnless(os.geteuid() == 0, "becomes another user")
@unittest.skipIf(SANITIZED, "processes with the sanitizer trace themselves")
class Traced(house.Case):
    """The agent as an ordinary user, and a program of that same user."""

    want_agent = False

    def as_nobody(self, *command, **options):
        return subprocess.run(
            ["setpriv", f"--reuid={house.NOBODY}", f"--regid={house.NOBODY}",
             "--clear-groups", *(str(c) for c in command)],
            capture_output=True, text=True, check=False, timeout=60, **options)

    def test_the_same_user_can_neither_trace_nor_read_it(self):
        programs = self.dir / "bin"
        programs.mkdir(mode=0o755)
        for name in ("sealpointd", "sealpoint-front", "sealpoint-token"):
            shutil.copy(house.program(name), programs / name)
        for path in (self.token.dir, *self.token.dir.rglob("*")):
            os.chown(path, house.NOBODY, house.NOBODY)
        log = self.work / "log"
        self.work.chmod(0o755)
        agent = house.Process(
            log, "setpriv", f"--reuid={house.NOBODY}",
            f"--regid={house.NOBODY}", "--clear-groups",
            programs / "sealpointd", "-c",
            self.token.configure(lambda text: re.sub(
                "(?m)^user = .*", "user = nobody", text)),
            env=self.token.environment())
        self.addCleanup(agent.stop)
        house.wait_for(
            lambda: house.listening(self.token.dir / "agent.sock")
            or not agent.alive(), "agent's socket")
        self.assertTrue(agent.alive(), agent.said())
        below = pathlib.Path(
            f"/proc/{agent.child.pid}/task/{agent.child.pid}/children")
        house.wait_for(lambda: len(below.read_text().split()) == 2,
                       "front and worker")
        attempt = (
            "import ctypes, sys\n"
            "c = ctypes.CDLL(None, use_errno=True)\n"
            "pid = int(sys.argv[1])\n"
            "if c.ptrace(16, pid, None, None) != -1: print('traced')\n"
            "for f in ('mem', 'environ', 'maps'):\n"
            " try: open(f'/proc/{pid}/{f}', 'rb').read(1); print('read', f)\n"
            " except OSError: pass\n")
        for pid in (agent.child.pid, *below.read_text().split()):
            with self.subTest(pid):
                done = self.as_nobody(sys.executable, "-c", attempt, pid)
                self.assertEqual((done.stdout, done.stderr), ("", ""))
        with subprocess.Popen(["setpriv", f"--reuid={house.NOBODY}",
                               f"--regid={house.NOBODY}", "--clear-groups",
                               "sleep", "60"]) as sound:
            house.wait_for(lambda: "sleep" in pathlib.Path(
                f"/proc/{sound.pid}/comm").read_text(), "the witness")
            done = self.as_nobody(sys.executable, "-c", attempt, sound.pid)
            sound.kill()
        self.assertIn("traced", done.stdout, "the attempt is unsound")


if __name__ == "__main__":
    unittest.main()
