"""The real processes in their sandboxes: what the kernel says they may do,
as root and as a user of their own. What the sandboxes stop is in
tests/unit/agent/sandbox.c."""
import os
import pathlib
import pwd
import re
import shutil
import signal
import unittest

import house
import test_keys

SANITIZED = "fsanitize" in (house.BUILD / "CMakeCache.txt").read_text()
USER = "daemon"
# chown, dac_override, fowner, kill, setgid, setuid, setpcap, sys_ptrace
SUPERVISOR = sum(1 << n for n in (0, 1, 3, 5, 6, 7, 8, 19))


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines()
                if ":\t" in line)


def limits(pid):
    text = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return {line[:26].strip(): line[26:].split()[:2]
            for line in text.splitlines()[1:]}


def strict(text):
    return text


def other(setting):
    return lambda text: re.sub("(?m)^sandbox = .*", f"sandbox = {setting}",
                               re.sub("(?m)^sandbox-path.*\n", "", text))


class Case(house.Case):
    change = staticmethod(strict)

    @classmethod
    def prepare(cls):
        cls.token.configure(cls.change)

    def setUp(self):
        super().setUp()
        house.wait_for(lambda: self.status()["state"] == "ready", "ready")

    def process(self, name):
        return next(pid for pid, comm in self.agent.descendants().items()
                    if comm == name)

    def signs(self):
        data = self.work / "data"
        data.write_text("what is signed")
        self.does("sign", "-k", self.rsa, "-i", data, "-o",
                  self.work / "signature")

    def shut_in(self, pid, seccomp="2"):
        was = status(pid)
        self.assertEqual(was["Seccomp"], seccomp)
        self.assertEqual(was["NoNewPrivs"], "1")
        for powers in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(was[powers], 16), 0, powers)
        self.assertEqual(limits(pid)["Max core file size"], ["0", "0"])
        return was


class Strict(Case):
    """As the tests' own configuration has it: house.Token."""

    def test_the_configuration_of_all_tests_is_strict(self):
        text = (self.token.dir / "sealpointd.conf").read_text()
        self.assertIn("sandbox = strict", text)

    def test_the_front_is_shut_in(self):
        self.signs()
        self.shut_in(self.process("sealpoint-front"))

    def test_the_worker_is_shut_in_with_all_its_threads(self):
        self.signs()
        worker = self.process("sealpoint-token")
        self.shut_in(worker)
        threads = os.listdir(f"/proc/{worker}/task")
        self.assertGreater(len(threads), 3)
        for thread in threads:
            if not SANITIZED:
                self.assertEqual(status(thread)["Seccomp"], "2")

    def test_nothing_else_is_open(self):
        for name in ("sealpoint-front", "sealpoint-token"):
            folder = pathlib.Path(f"/proc/{self.process(name)}/fd")
            for fd in folder.iterdir():
                target = os.readlink(fd)
                self.assertRegex(target, r"^(socket:|pipe:|anon_inode:|/memfd:|"
                                 r"/dev/null|.*sealpointd\.log|.*/tokens/)")

    @unittest.skipIf(SANITIZED, "a sanitizer would report it")
    def test_a_process_that_dies_leaves_no_core(self):
        before = set(os.listdir(os.getcwd()))
        for name in ("sealpoint-front", "sealpoint-token"):
            pid = self.process(name)
            os.kill(pid, signal.SIGSEGV)
            house.wait_for(lambda pid=pid: not os.path.exists(f"/proc/{pid}"),
                           "its end")
            house.wait_for(lambda: self.sealpoint("status").returncode == 0
                           and self.status()["state"] == "ready", "another")
        left = set(os.listdir(os.getcwd())) - before
        self.assertEqual([f for f in left if "core" in f], [])

    def test_what_a_sandbox_ends_is_told(self):
        os.kill(self.process("sealpoint-token"), signal.SIGSYS)
        house.wait_for(lambda: "its sandbox forbids" in self.agent.said(),
                       "the log's line")
        self.assertIn("token sealpoint", self.agent.said())
        house.wait_for(lambda: self.status()["state"] == "ready", "another")
        self.signs()

    @unittest.skipIf(SANITIZED, "its leak check traces itself")
    def test_the_supervisor_has_kept_what_it_needs(self):
        was = status(self.agent.child.pid)
        self.assertEqual(int(was["CapEff"], 16) & ~SUPERVISOR, 0)
        self.assertEqual(int(was["CapBnd"], 16) & ~SUPERVISOR, 0)
        self.assertEqual(was["NoNewPrivs"], "1")


class Beyond(Case):
    """A token that the sandbox does not let its module have."""

    change = staticmethod(
        lambda text: re.sub("(?m)^sandbox-path = .*tokens rw\n", "", text))

    def setUp(self):
        house.Case.setUp(self)

    @unittest.skipIf(SANITIZED, "there it may read all files")
    def test_the_module_cannot_reach_it(self):
        house.wait_for(lambda: self.status()["state"] not in
                       ("starting", "ready"), "trouble")
        self.refuses("sign", "-k", self.rsa, "-i", "/etc/hostname", "-o",
                     self.work / "x")

    def test_a_path_that_is_not_there_is_named(self):
        self.token.configure(lambda text: re.sub(
            "(?m)^sandbox-path = .*tokens rw", "sandbox-path = /no/such rw",
            text))
        self.agent.child.send_signal(signal.SIGHUP)
        house.wait_for(lambda: "/no/such: No such file" in self.agent.said(),
                       "the log's line")


class Module(test_keys.Keys):
    """Everything that is done with keys, as most modules' section has it."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.token.configure(other("module"))

    def test_it_is_in_that_sandbox(self):
        worker = self.agent.workers()[0]
        self.assertEqual(status(worker)["Seccomp"], "2")
        self.assertEqual(int(status(worker)["CapEff"], 16), 0)


class Off(Case):
    change = staticmethod(other("off"))

    def test_it_has_given_up_its_powers_all_the_same(self):
        self.signs()
        self.shut_in(self.process("sealpoint-token"), seccomp="0")
        self.shut_in(self.process("sealpoint-front"))


@unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
class User(Case):
    """[agent] user: the token, the PIN and the state are that user's."""

    @classmethod
    def change(cls, text):
        return text.replace("[agent]\n", f"[agent]\nuser = {USER}\n"
                            f"control = {cls.token.dir}/control.sock\n")

    @classmethod
    def prepare(cls):
        super().prepare()
        shutil.rmtree(cls.token.dir / "state")
        cls.token.dir.chmod(0o755)
        for path in (cls.token.dir / "tokens").rglob("*"):
            shutil.chown(path, USER)
        for name in ("tokens", "pin", "softhsm2.conf"):
            shutil.chown(cls.token.dir / name, USER)

    def test_front_and_worker_are_that_user_for_good(self):
        self.signs()
        pw = pwd.getpwnam(USER)
        for name in ("sealpoint-front", "sealpoint-token"):
            pid = self.process(name)
            was = self.shut_in(pid)
            self.assertEqual(set(was["Uid"].split()), {str(pw.pw_uid)})
            self.assertEqual(set(was["Gid"].split()), {str(pw.pw_gid)})
            self.assertEqual(was["Groups"].split(), [])
            self.assertEqual(int(was["CapBnd"], 16), 0)
            if not SANITIZED:
                # Not dumpable: its own user may not look into it either.
                self.assertEqual(os.stat(f"/proc/{pid}/fd").st_uid, 0)

    def test_its_files_are_that_users(self):
        uid = pwd.getpwnam(USER).pw_uid
        for name in ("state", "state/rejection-seed", "control.sock"):
            self.assertEqual((self.token.dir / name).stat().st_uid, uid, name)

    def test_who_ends_is_started_again_as_that_user(self):
        pid = self.process("sealpoint-front")
        os.kill(pid, signal.SIGKILL)
        house.wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "its end")
        house.wait_for(lambda: self.sealpoint("status").returncode == 0
                       and self.status()["state"] == "ready", "another")
        self.signs()
