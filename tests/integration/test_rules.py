"""What [allow] sections grant, and to whom: users and groups, programs, forms
of use, rates; and that a connection helps nobody to more."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import house
import packets
from packets import BUSY, DENIED, OK, Connection

PYTHON = os.path.realpath(sys.executable)
HELPER = pathlib.Path(packets.__file__)
GROUP = 54321
LAST_PID = pathlib.Path("/proc/sys/kernel/ns_last_pid")
ROOT = unittest.skipUnless(os.geteuid() == 0, "needs root to be another user")


class Helper:
    """packets.py, run by some program, as some user who may not read it."""

    def __init__(self, program, where, key, before=(), **options):
        self.child = subprocess.Popen(
            [*before, str(program), "-c", HELPER.read_text(), str(where), key],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            bufsize=1, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()

    def does(self, word):
        """Status and text."""
        self.child.stdin.write(word + "\n")
        line = self.child.stdout.readline().split(" ", 2)
        return int(line[0]), line[2].strip()

    def begins(self):
        self.does("connect")
        return self.does("hello")


class Rig(house.Case):
    """One agent; each test gives it other rules while it runs."""

    @classmethod
    def prepare(cls):
        place = cls.dir / "run"
        place.mkdir(mode=0o755)
        place.chmod(0o755)
        cls.token.configure(lambda t: re.sub(
            "(?m)^socket = .*", f"socket = {place}/agent.sock", t))
        cls.bin = cls.dir / "bin"
        cls.bin.mkdir()
        cls.bin.chmod(0o755)
        cls.key = cls.token.thumbprint("rsa", "sha256")
        cls.key_ec = cls.token.thumbprint("ec", "sha256")
        # Only what anybody may read can be run by another user.
        for source in HELPER, cls.sealpoint_program:
            shutil.copy(source, cls.bin)
            (cls.bin / source.name).chmod(0o755)

    def setUp(self):
        super().setUp()
        house.wait_for(lambda: self.status()["state"] == "ready",
                       "the token")

    def rules(self, *sections):
        """Each a dictionary; user root and every key if not said."""
        text = ""
        for number, section in enumerate(sections):
            lines = {"user": os.geteuid(), "key": "*", "use": "sign",
                     **section}
            text += f"[allow rule{number}]\n" + "".join(
                f"{k} = {v}\n" for k, v in lines.items() if v is not None)
        conf = self.token.dir / "sealpointd.conf"
        conf.write_text(
            re.sub(r"(?s)\[allow .*", "", conf.read_text()) + text)
        said = self.agent.said().count("was read again")
        self.agent.child.send_signal(signal.SIGHUP)
        house.wait_for(
            lambda: self.agent.said().count("was read again") > said,
            "the new rules")
        # The front hears of them before whatever is asked from now on.
        with contextlib.closing(self.connect()) as c:
            c.hello()

    def connect(self):
        return Connection(self.agent.socket)

    def signs(self, **how):
        with contextlib.closing(self.connect()) as c:
            c.hello()
            return c.sign(how.pop("key", self.key), **how)

    def copy_of(self, source, name):
        path = self.bin / name
        shutil.copy(source, path)
        path.chmod(0o755)
        return path

    def helper(self, program, **options):
        return Helper(program, self.agent.socket, self.key, **options)

    def last_words(self, pattern, again):
        """Waits for the log; it has a few lines a second about one user, so
        what they are about is done again."""
        def said():
            if re.search(pattern, self.agent.said()):
                return True
            time.sleep(0.1)
            again()
            return False
        house.wait_for(said, f"{pattern} in the log", 10)


class Users:

    OTHER = ["setpriv", f"--reuid={house.NOBODY}", f"--regid={house.NOBODY}"]

    def other(self, *groups):
        groups = f"--groups={','.join(groups)}" if groups else "--clear-groups"
        return self.helper(PYTHON, before=[*self.OTHER, groups])

    @ROOT
    def test_another_user_needs_a_section_of_its_own_or_a_group(self):
        self.rules({})
        with self.other() as h:
            self.assertEqual(h.begins()[0], OK)
            status, text = h.does("sign")
            self.assertEqual(status, DENIED)
            self.assertIn(f"uid {house.NOBODY}", text)
            self.assertNotIn("rule0", text)
        self.rules({"user": None, "group": GROUP})
        with self.other() as h:
            h.begins()
            self.assertEqual(h.does("sign")[0], DENIED)
        with self.other(str(GROUP)) as h:
            h.begins()
            self.assertEqual(h.does("sign")[0], OK)

    def test_rules_that_change_hold_for_those_who_are_connected(self):
        self.rules({})
        with contextlib.closing(self.connect()) as c:
            self.assertEqual(c.sign(self.key)[0], OK)
            self.rules({"use": "decrypt"})
            self.assertEqual(c.sign(self.key)[0], DENIED)
            self.rules({})
            self.assertEqual(c.sign(self.key)[0], OK)

    @ROOT
    def test_a_connection_passed_on_to_another_user_serves_nobody(self):
        self.rules({})
        with contextlib.closing(self.connect()) as c:
            self.assertEqual(c.sign(self.key)[0], OK)
            fd = c.socket.fileno()
            with Helper(PYTHON, f"fd:{fd}", self.key, pass_fds=[fd],
                        before=[*self.OTHER, "--clear-groups"]) as h:
                status, text = h.begins()
                self.assertEqual(status, DENIED)
                self.assertIn("another user", text)
                self.assertEqual(h.does("sign")[0], DENIED)
                self.last_words(
                    f"denied: process [0-9]+ of uid {house.NOBODY}",
                    lambda: h.does("sign"))
            self.assertEqual(c.sign(self.key)[0], OK)

    def test_descriptors_that_a_client_sends_are_not_kept(self):
        self.rules({})
        front = next(pid for pid, name in self.agent.descendants().items()
                     if name.startswith("sealpoint-front"))
        fds = pathlib.Path(f"/proc/{front}/fd")
        with contextlib.closing(self.connect()) as c, \
                open("/dev/null", "rb") as null:
            c.hello()
            before = len(list(fds.iterdir()))
            for number in range(20):
                socket.send_fds(
                    c.socket,
                    [b"\1\2\0\0" + number.to_bytes(4, "big")],
                    [null.fileno()] * 20)
                self.assertEqual(c.receive()[0], OK)
            # One more may be: that of this process, for its program.
            self.assertLessEqual(len(list(fds.iterdir())), before + 1)


class Forms:

    def test_a_scheme_and_a_hash_that_are_not_granted_are_refused(self):
        self.rules({"scheme": "pss, ecdsa", "hash": "sha256"})
        pss = {"scheme": packets.PSS}
        self.assertEqual(self.signs(**pss)[0], OK)
        self.assertEqual(self.signs(key=self.key_ec,
                                    scheme=packets.ECDSA)[0], OK)
        status, _, text = self.signs()
        self.assertEqual(status, DENIED)
        self.assertRegex(text, "pkcs1 sha256.*narrowed to other schemes")
        sha1 = {**pss, "hashed": packets.SHA1, "data": bytes(20)}
        status, _, text = self.signs(**sha1)
        self.assertEqual(status, DENIED)
        self.assertRegex(text, "narrowed to other hashes")
        self.assertNotIn("rule0", text)
        self.last_words(r"denied: uid 0, gid 0, pid \d+ \(/.*\[allow rule0\] "
                        "comes nearest, but its hash does not fit",
                        lambda: self.signs(**sha1))

    def test_one_section_must_grant_all_of_it(self):
        self.rules({"scheme": "pss"}, {"hash": "sha1"},
                   {"use": "decrypt"})
        self.assertEqual(self.signs()[0], DENIED)
        self.assertEqual(self.signs(hashed=packets.SHA1,
                                    data=bytes(20))[0], OK)

    def test_without_digests_the_agent_signs_what_it_sees(self):
        flight = (b" " * 64 + b"TLS 1.3, client CertificateVerify\0" +
                  bytes(32))
        self.rules({"digest": "no"})
        status, _, text = self.signs()
        self.assertEqual(status, DENIED)
        self.assertIn("not its digest", text)
        self.assertEqual(self.signs(digest=False, data=b"a message")[0], OK)
        self.does("sign", "-k", self.rsa, "-i", HELPER, "-o", "-")
        # And so a key for messages signs no handshake.
        status, _, text = self.signs(digest=False, data=flight)
        self.assertEqual(status, DENIED)
        self.assertIn("for tls", text)
        self.rules({"use": "tls"})
        self.assertEqual(self.signs(digest=False, data=flight)[0], OK)
        self.assertEqual(self.signs(digest=False, data=b"a message")[0],
                         DENIED)
        self.assertEqual(self.signs()[0], DENIED)


class Programs:

    def test_only_the_named_program_may(self):
        copy = self.copy_of(PYTHON, "python-allowed")
        self.rules({"program": copy})
        with self.helper(copy) as h:
            self.assertEqual(h.begins()[0], OK)
            self.assertEqual(h.does("sign")[0], OK)
            # After new rules it is looked at anew, and asks once more.
            self.rules({"program": copy})
            self.assertEqual(h.does("sign")[0], BUSY)
            self.assertEqual(h.does("sign")[0], OK)
        with self.helper(PYTHON) as h:
            self.assertEqual(h.begins()[0], OK)
            status, text = h.does("sign")
            self.assertEqual(status, DENIED)
            self.assertIn("other programs", text)
            self.assertNotIn(str(copy), text)
            self.last_words(re.escape(f"({PYTHON})") + ".*rule0.*its program",
                            lambda: h.does("sign"))
        with contextlib.closing(self.connect()) as c:
            c.hello()
            self.assertEqual(c.keys(), 0)

    def test_the_program_of_the_package_serves_through_its_library(self):
        copy = self.bin / "sealpoint"
        self.rules({"program": f"/nonexistent/x, {copy}", "use":
                    "sign, decrypt, tls"})
        self.refuses("sign", "-k", self.rsa, "-i", HELPER, "-o", "-",
                     says="program")
        signed = subprocess.run(
            [copy, "sign", "-k", self.rsa, "-i", HELPER, "-o", "-"],
            env={**os.environ, "SEALPOINT_AGENT": self.agent.socket},
            capture_output=True, check=False)
        self.assertEqual(signed.returncode, 0, signed.stderr)

    def test_a_link_to_the_program_is_the_program(self):
        link = self.bin / "python-link"
        with contextlib.suppress(FileExistsError):
            link.symlink_to(self.copy_of(PYTHON, "python-far"))
        self.rules({"program": link})
        with self.helper(self.bin / "python-far") as h:
            h.begins()
            self.assertEqual(h.does("sign")[0], OK)

    def test_a_swapped_executable_counts_no_more(self):
        copy = self.copy_of(PYTHON, "python-swapped")
        self.rules({"program": copy})
        with self.helper(copy) as old:
            old.begins()
            self.assertEqual(old.does("sign")[0], OK)
            os.replace(self.copy_of(PYTHON, "python-new"), copy)
            # It connects anew, and its file is not the one of that name.
            old.begins()
            self.assertEqual(old.does("sign")[0], DENIED)
        with self.helper(copy) as new:
            new.begins()
            self.assertEqual(new.does("sign")[0], OK)

    def test_a_program_that_others_may_replace_is_no_program(self):
        copy = self.copy_of(PYTHON, "python-loose")
        self.rules({"program": copy})
        copy.chmod(0o777)
        with self.helper(copy) as h:
            h.begins()
            self.assertEqual(h.does("sign")[0], DENIED)
            self.last_words("python-loose.*may be replaced by others",
                            lambda: h.does("sign"))
        done = subprocess.run(
            [house.program("sealpointd"), "--check", "-c",
             self.token.dir / "sealpointd.conf"], capture_output=True,
            text=True, check=False, env=self.token.environment())
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "rule0.*python-loose may be replaced")

    def test_a_connection_passed_on_to_another_program_is_not_its(self):
        copy = self.copy_of(PYTHON, "python-giver")
        self.rules({"program": copy})
        ours, theirs = socket.socketpair()
        giver = subprocess.Popen(
            [copy, "-B", "-c",
             "import socket, sys, time; sys.path.insert(0, sys.argv[4])\n"
             "from packets import Connection\n"
             "c = Connection(sys.argv[1]); c.hello()\n"
             "assert c.sign(sys.argv[2])[0] == 0\n"
             "s = socket.socket(fileno=int(sys.argv[3]))\n"
             "socket.send_fds(s, [b'x'], [c.socket.fileno()])\n"
             "s.recv(1)\n", self.agent.socket, self.key,
             str(theirs.fileno()), str(HELPER.parent)],
            pass_fds=[theirs.fileno()])
        theirs.close()
        try:
            _, fds, _, _ = socket.recv_fds(ours, 1, 1)
            with contextlib.closing(Connection(fds[0])) as c:
                self.assertEqual(c.sign(self.key)[0], BUSY)  # who is it?
                self.assertEqual(c.sign(self.key)[0], DENIED)
        finally:
            giver.kill()
            giver.wait()
            ours.close()

    def test_a_reused_process_number_is_another_process(self):
        if not os.access(LAST_PID, os.W_OK):
            self.skipTest("needs root to choose a process's number")
        copy = self.copy_of(PYTHON, "python-reused")
        self.rules({"program": copy})
        with contextlib.closing(self.connect()) as c:
            fd = c.socket.fileno()
            # The number is known as the program's, on this connection.
            with Helper(copy, f"fd:{fd}", self.key, pass_fds=[fd]) as h:
                number = h.child.pid
                self.assertEqual(h.begins()[0], OK)
                self.assertEqual(h.does("sign")[0], OK)
            for _ in range(200):
                LAST_PID.write_text(str(number - 1))
                with Helper(PYTHON, f"fd:{fd}", self.key,
                            pass_fds=[fd]) as h:
                    if h.child.pid != number:
                        continue
                    h.does("connect")
                    self.assertEqual(h.does("sign")[0], DENIED)
                    return
        self.fail("no process got that number")

    def test_what_was_sent_before_it_became_the_program_does_not_count(self):
        copy = self.copy_of(shutil.which("sleep"), "sleep-allowed")
        self.rules({"program": copy})
        for _ in range(10):
            with contextlib.closing(self.connect()) as c:
                child = os.fork()
                if child == 0:
                    for _ in range(3):
                        c.send(packets.SIGN, c.signing(self.key))
                    os.execv(copy, ["sleep", "60"])
                try:
                    for _ in range(3):
                        self.assertIn(c.receive()[0], (BUSY, DENIED))
                finally:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)


class Rates:

    def test_one_too_many_is_told_when_to_come_back(self):
        self.rules({"rate": "2/h"})
        self.assertEqual(self.signs()[0], OK)
        status, after, text = self.signs()
        self.assertEqual(status, BUSY)
        self.assertRegex(text, "more often than its rate")
        self.assertGreater(after, 29 * 60 * 1000)
        self.assertLessEqual(after, 30 * 60 * 1000)
        # Another key has its own count.
        self.assertEqual(self.signs(key=self.key_ec,
                                    scheme=packets.ECDSA)[0], OK)
        # What is refused as such costs nothing; another rate holds at once.
        self.rules({"rate": "1000/s"})
        self.assertEqual(self.signs()[0], OK)

    def test_the_rate_of_the_agent_holds_where_a_section_has_none(self):
        conf = self.token.dir / "sealpointd.conf"
        was = conf.read_text()
        self.addCleanup(conf.write_text, was)
        conf.write_text(was.replace("[agent]\n", "[agent]\nrate = 1/h\n"))
        self.rules({"use": "sign, tls"})
        status, _, text = self.signs()
        self.assertEqual(status, OK, text)
        self.assertEqual(self.signs()[0], BUSY)

    def flood(self, c, counts):
        for _ in range(counts["wanted"]):
            status, _, text = c.sign(self.key)
            counts[status] = counts.get(status, 0) + 1
            counts["unread"] += status == BUSY and "more requests" in text

    @ROOT
    def test_ten_thousand_refused_packets_disturb_nobody(self):
        self.rules({"user": house.NOBODY, "rate": "1/s"}, {})
        os.seteuid(house.NOBODY)
        try:
            flooding = [self.connect() for _ in range(4)]
        finally:
            os.seteuid(0)
        lines = len(self.agent.said().splitlines())
        counts = [{"wanted": 2500, "unread": 0} for _ in flooding]
        threads = [threading.Thread(target=self.flood, args=pair)
                   for pair in zip(flooding, counts)]
        for t in threads:
            t.start()
        took, undisturbed = [], self.connect()
        while any(t.is_alive() for t in threads) or len(took) < 5:
            begun = time.monotonic()
            self.assertEqual(undisturbed.sign(
                self.key_ec, scheme=packets.ECDSA)[0], OK)
            took.append(time.monotonic() - begun)
        for t in threads:
            t.join()
        for c in [*flooding, undisturbed]:
            c.close()
        refused = sum(c.get(BUSY, 0) for c in counts)
        self.assertGreater(refused, 9900)
        # Most of them before anybody looked into them.
        self.assertGreater(sum(c["unread"] for c in counts), 5000)
        self.assertEqual(sum(c.get(OK, 0) for c in counts) + refused, 10000)
        took.sort()
        self.assertLess(took[len(took) // 2], 0.2, took[-5:])
        new = self.agent.said().splitlines()[lines:]
        self.assertLessEqual(len(new), 2, new)


class Doctor:

    def doctor(self, *options, status=0, **how):
        """Its findings, by what they are about."""
        done = self.sealpoint("--json", "doctor", *options, **how)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        found = {}
        for finding in json.loads(done.stdout):
            found.setdefault(finding["about"], []).append(
                f"{finding['result']}: {finding['finding']}")
        return {about: "\n".join(lines) for about, lines in found.items()}

    def test_it_says_which_section_grants_and_how_often(self):
        self.rules({"use": "tls"}, {"rate": "7/h", "scheme": "pss"})
        found = self.doctor("-k", self.rsa, "--use", "sign")
        self.assertIn("well: 2 [allow] sections are about uid 0",
                      found["rules"])
        self.assertIn("note: [allow rule0] does not grant it: use does not",
                      found["rules"])
        self.assertRegex(
            found["use"], r"well: uid 0 may sign, 7 times .* \[allow rule1\]")
        for about in ("agent", "socket", "key", "token", "certificate",
                      "clock", "library"):
            self.assertRegex(found[about], "^well")
        self.assertEqual(self.signs(scheme=packets.PSS)[0], OK)

    def test_it_says_what_is_missing(self):
        self.rules({"program": "/usr/bin/other"}, {"key": self.ec})
        found = self.doctor("-k", self.rsa, "--use", "sign", status=1)
        self.assertRegex(found["program"], "you run /.*sealpoint")
        self.assertIn("[allow rule0] does not grant it: program does not fit",
                      found["rules"])
        self.assertIn("[allow rule1] does not grant it: key does not fit",
                      found["rules"])
        self.assertRegex(found["use"], "trouble: .*other programs")
        found = self.doctor("-k", "00" * 20, status=1)
        self.assertRegex(found["key"], "trouble: no token has")
        self.assertNotIn("use", found)

    @ROOT
    def test_root_may_ask_about_others_and_others_of_themselves(self):
        self.rules({}, {"user": None, "group": house.NOBODY, "use": "decrypt",
                        "program": "/usr/bin/other"})
        asked = ("-k", self.rsa, "--user", str(house.NOBODY))
        found = self.doctor(*asked, status=1)
        self.assertIn("1 [allow] section is about", found["rules"])
        self.assertRegex(found["use"], "trouble: .*other programs")
        found = self.doctor(*asked, "--program", "/usr/bin/other")
        self.assertIn("by [allow rule1]", found["use"])
        other = {"before": [*self.OTHER, "--clear-groups"]}
        mine = type(self).sealpoint_program
        try:
            type(self).sealpoint_program = self.bin / "sealpoint"
            found = self.doctor("-k", self.rsa, status=1, **other)
            self.assertRegex(found["use"], "trouble: .*other programs")
            self.assertNotIn("rule", found["use"] + found["rules"].replace(
                "rules", ""))
            found = self.doctor("-k", self.rsa, "--user", "root", status=1,
                                **other)
            self.assertRegex(found["rules"], "only root")
        finally:
            type(self).sealpoint_program = mine

    @ROOT
    def test_it_sees_a_socket_that_the_user_cannot_reach(self):
        self.rules({"user": house.NOBODY})
        place = pathlib.Path(self.agent.socket).parent
        self.addCleanup(place.chmod, 0o755)
        place.chmod(0o750)
        found = self.doctor("--user", str(house.NOBODY), status=1)
        self.assertRegex(found["socket"],
                         f"trouble: {place}, .*entered by uid {house.NOBODY}")

    def test_an_agent_that_does_not_run_is_a_finding(self):
        found = self.doctor(status=1,
                            env={"SEALPOINT_AGENT": "/nonexistent/s"})
        self.assertRegex(found["socket"], "trouble: /nonexistent/s.*sealpointd")
        self.assertRegex(found["agent"], "trouble: ")


class Rules(Users, Forms, Programs, Rates, Doctor, Rig):
    """All of them, with one token."""


if __name__ == "__main__":
    unittest.main()
