"""After use, neither the PIN nor a content-encryption key is in the memory of
any process, and a process that dies leaves no core file; docs/SECURITY.md
tells what the search does not cover."""
import fcntl
import os
import pathlib
import resource
import signal
import subprocess
import sys
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding

import house
import memory
import packet

sys.path.insert(0, str(house.ROOT / "tests/mpsim"))
import cms  # noqa: E402  pylint: disable=wrong-import-position

SANITIZED = b"__asan_init" in house.program("sealpointd").read_bytes()
CLEAR = b"<Policy>what was sent</Policy>"


def full_pipe():
    """(reading, writing) ends of a pipe that takes nothing more: who writes
    to it stands still there."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    try:
        while os.write(writing, b"\n"):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(writing, True)
    return reading, writing


def writing(pid):
    """Does it stand still in write(2)?"""
    try:
        call = pathlib.Path(f"/proc/{pid}/syscall").read_text().split()
    except OSError:
        return False
    return call[:2] == ["1", "0x1"]


@unittest.skipIf(SANITIZED, "the address sanitizer keeps what was freed")
@unittest.skipUnless(os.geteuid() == 0, "reads the memory of others")
class Memory(house.Case):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pin = (cls.token.dir / "pin").read_bytes().strip()
        cls.cert = x509.load_pem_x509_certificate(
            cls.token.certificate("rsa").read_bytes())
        cls.name = packet.name_of(
            cls.cert.public_bytes(serialization.Encoding.DER))

    def setUp(self):
        super().setUp()
        self.does("keys")  # now the agent knows its token

    @classmethod
    def start_agent(cls):
        """As a careless administrator may: cores are allowed."""
        before = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        try:
            return super().start_agent()
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, before)

    def processes(self):
        return {self.agent.child.pid: "sealpointd",
                **self.agent.descendants()}

    def nowhere(self, secrets):
        for pid, name in self.processes().items():
            with self.subTest(name):
                self.assertEqual(memory.search(pid, secrets), [])

    def blocked(self, *command):
        """A program that has done its work and cannot say so."""
        reading, full = full_pipe()
        self.addCleanup(os.close, reading)
        child = subprocess.Popen(
            [str(c) for c in command], stdout=full, stdin=subprocess.DEVNULL,
            env={**self.token.environment(), "LC_ALL": "C.UTF-8",
                 "SEALPOINT_AGENT": self.agent.socket})
        os.close(full)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        house.wait_for(
            lambda: writing(child.pid) or child.poll() is not None,
            "the program's last word")
        self.assertIsNone(child.poll(), "it said nothing")
        return child.pid

    def test_a_pin_that_logged_in_is_gone(self):
        with packet.Line(self.agent.socket) as line:
            for number in range(8):
                status, _ = line.sign(self.name, packet.RSA_PKCS1, "sha256",
                                      bytes([number]) * 32)
                self.assertEqual(status, 0)
        self.assertEqual(self.status()["logins"], 1)
        self.nowhere(memory.spellings("PIN", self.pin))

    def test_what_was_decrypted_is_gone(self):
        """The last one too: nothing came after it to overwrite it."""
        secrets = {}
        with packet.Line(self.agent.socket) as line:
            for number, (scheme, name, pad) in enumerate((
                    (packet.RSA_PKCS1, None, padding.PKCS1v15()),
                    (packet.RSA_OAEP, "sha1", cms.oaep())) * 8):
                key = os.urandom(32)
                secrets.update(memory.spellings(f"key {number}", key))
                self.assertEqual(line.decrypt(
                    self.name, scheme, self.cert.public_key().encrypt(
                        key, pad), name), (0, key))
        self.nowhere(secrets)

    def test_the_key_of_an_opened_message_is_gone(self):
        keys = []

        def known(size):
            """The test MP asks for a content key, then for its vector."""
            keys.append(os.urandom(size))
            return keys[-1]

        real, cms.os = cms.os, type("Known", (), {"urandom": known})
        try:
            for transport in (cms.RSA, cms.OAEP):
                keys.clear()
                message = self.work / f"cms-{len(transport)}"
                message.write_bytes(cms.enveloped(
                    CLEAR, self.cert, cms.AES256_CBC, transport))
                pid = self.blocked(self.sealpoint_program, "decrypt", "-k",
                                self.rsa, "-i", message, "-o", "-")
                secrets = memory.spellings("key", keys[0])
                self.assertEqual(memory.search(pid, secrets), [])
                self.assertTrue(memory.search(pid, {"text": CLEAR}),
                                "it was not opened")
                self.nowhere(secrets)
        finally:
            cms.os = real

    def test_the_pin_of_a_token_command_is_gone(self):
        pid = self.blocked(
            self.sealpoint_program, "--config", "/dev/null", "--json",
            "token", "generate", "--module", self.token.module, "--uri",
            "pkcs11:token=sealpoint", "--pin",
            f"file:{self.token.dir / 'pin'}", "--state",
            self.token.dir / "guard", "--type", "ec-p256", "--label", "more",
            "--id", "77")
        self.assertEqual(memory.search(
            pid, memory.spellings("PIN", self.pin)), [])

    def test_the_search_finds_what_is_there(self):
        """In hex and across pieces too, or its silence says nothing."""
        with subprocess.Popen(
                [sys.executable, "-c",
                 "import sys; a = sys.stdin.buffer.read(16); b = a.hex();"
                 "c = bytearray(3 << 20); n = (1 << 20) - 32; k = 0\n"
                 "while k + 5000 < len(c): c[k:k + 16] = a; k += 4999\n"
                 "print(b, flush=True); sys.stdin.read()"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            child.stdin.write(self.pin)
            child.stdin.flush()
            child.stdout.readline()
            found = {f.what for f in memory.search(
                child.pid, memory.spellings("PIN", self.pin))}
            child.stdin.close()
        self.assertGreaterEqual(found, {"PIN", "PIN in hex"})

    def test_a_process_that_dies_leaves_no_core(self):
        for pid, name in self.processes().items():
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            with self.subTest(name):
                self.assertRegex(limits, r"Max core file size\s+0\s+0\s")
        worker = self.agent.workers()[0]
        place = pathlib.Path(f"/proc/{worker}/cwd").resolve()
        before = set(place.glob("core*"))
        os.kill(worker, signal.SIGSEGV)
        house.wait_for(
            lambda: self.agent.workers() not in ([], [worker]), "a new worker")
        self.assertEqual(set(place.glob("core*")), before)


if __name__ == "__main__":
    unittest.main()
