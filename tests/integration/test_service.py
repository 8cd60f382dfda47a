"""sealpointd as a service: what it tells the service manager, the sockets and
descriptors that it is handed, and its configuration read again while it
runs."""
import operator
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import caller
import house


def allow_other(text):
    """The same configuration for a user that none of the tests runs as."""
    return re.sub(r"(?m)^user = .*$", "user = 4321", text)


class Service(house.Case):
    want_agent = False

    def setUp(self):
        super().setUp()
        self.conf = self.token.configure()
        self.socket = next(
            line.split("=")[1].strip()
            for line in self.conf.read_text().splitlines()
            if line.startswith("socket"))
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(self.work / "notify"))
        self.addCleanup(self.manager.close)
        self.heard = ""

    def start(self, *command, before=None, fds=(), **environment):
        """sealpointd, with the manager's socket in its environment."""
        log = self.work / "log"
        self.daemon = house.Process(
            log, *command, house.program("sealpointd"), "-c", self.conf,
            env={**self.token.environment(), "NOTIFY_SOCKET":
                 str(self.work / "notify"), **environment},
            pass_fds=fds)
        self.addCleanup(self.end)

    def end(self):
        if self.daemon.alive():
            self.daemon.stop()
        self.assertNotIn("Sanitizer", self.daemon.said())

    def told(self, word, seconds=20):
        """Waits until the manager heard the word."""
        end = time.monotonic() + seconds
        while word not in self.heard:
            left = end - time.monotonic()
            if left < 0 or not select.select([self.manager], [], [], left)[0]:
                self.fail(f"no {word}; heard: {self.heard!r}; "
                          f"it said: {self.daemon.said()}")
            self.heard += self.manager.recv(4096).decode() + "\n"

    def forget(self):
        self.heard = ""

    def keys(self):
        return self.sealpoint("keys", env={"SEALPOINT_AGENT": self.socket})

    def children(self):
        return house.Agent.descendants(self.daemon)

    def worker(self):
        return [pid for pid, name in self.children().items()
                if name.startswith("sealpoint-token")]

    def front(self):
        return [pid for pid, name in self.children().items()
                if name.startswith("sealpoint-front")]


class Manager(Service):
    def test_it_says_when_it_is_ready_and_when_it_stops(self):
        self.start()
        self.told("READY=1")
        self.assertEqual(self.keys().returncode, 0)
        self.assertEqual(self.daemon.stop(), 0)
        self.told("STOPPING=1")
        self.assertFalse(os.path.exists(self.socket))

    def test_children_may_not_speak_for_it(self):
        self.start()
        self.told("READY=1")
        for pid in self.children():
            environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            self.assertIn(b"SOFTHSM2_CONF", environ)
            self.assertNotIn(b"NOTIFY_SOCKET", environ)

    def test_the_watchdog_is_fed_while_the_front_answers(self):
        # The times are half a second, and a hung front is ended in one.
        self.start(WATCHDOG_USEC="500000")
        self.told("READY=1")
        self.told("WATCHDOG=1", 5)
        old = self.front()
        os.kill(old[0], signal.SIGSTOP)
        house.wait_for(lambda: self.front() not in ([], old), "another front")
        self.assertIn("answers nothing", self.daemon.said())
        self.forget()
        self.told("WATCHDOG=1", 5)
        self.assertEqual(self.keys().returncode, 0)

    def test_without_a_watchdog_an_idle_agent_sleeps(self):
        self.start()
        self.told("READY=1")
        self.assertEqual(self.keys().returncode, 0)

        def switches():
            total = 0
            for pid in [self.daemon.child.pid, *self.children()]:
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    for line in (task / "status").read_text().splitlines():
                        if "ctxt_switches" in line:
                            total += int(line.split()[1])
            return total

        time.sleep(0.5)
        before = switches()
        time.sleep(1.5)
        self.assertLessEqual(switches() - before, 2)

    def test_a_front_that_ends_mute_delays_the_start_only(self):
        # Programs lie beside our own: so a front that fails once.
        place = self.work / "bin"
        place.mkdir()
        for name in ("sealpointd", "sealpoint-token"):
            shutil.copy(house.program(name), place)
        front = place / "sealpoint-front"
        front.write_text(f"""#!/bin/sh
[ -e {place}/mark ] || {{ touch {place}/mark; exit 1; }}
exec {house.program("sealpoint-front")} "$@"
""")
        front.chmod(0o755)
        self.daemon = house.Process(
            self.work / "log", place / "sealpointd", "-c", self.conf,
            env={**self.token.environment(),
                 "NOTIFY_SOCKET": str(self.work / "notify")})
        self.addCleanup(self.end)
        self.told("READY=1")
        self.assertIn("the front process ended (status 1)", self.daemon.said())
        self.assertEqual(self.keys().returncode, 0)

    def test_it_takes_the_socket_that_it_is_handed(self):
        passed = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        passed.bind(self.socket)
        os.chmod(self.socket, 0o666)
        passed.listen()
        self.addCleanup(os.unlink, self.socket)
        # A client may come before the daemon does.
        early = subprocess.Popen(
            [str(self.sealpoint_program), "keys"], stdout=subprocess.PIPE,
            env={**os.environ, "SEALPOINT_AGENT": self.socket})
        self.start("/bin/sh", "-c",
                   f'exec 3<&{passed.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 '
                   'exec "$@"', "sh", fds=[passed.fileno()])
        self.told("READY=1")
        self.assertEqual(early.wait(30), 0)
        early.stdout.close()
        self.daemon.stop()
        # It is the manager's: it outlives the daemon.
        self.assertTrue(os.path.exists(self.socket))
        passed.close()


class Reload(Service):
    def reload(self):
        self.forget()
        self.daemon.child.send_signal(signal.SIGHUP)
        self.told("RELOADING=1")
        self.told("READY=1")

    def test_rules_change_at_once_and_logins_stay(self):
        self.start()
        self.told("READY=1")
        self.assertEqual(self.keys().returncode, 0)
        worker, logins = self.worker(), self.token.logged_in()
        self.token.configure(allow_other)
        self.reload()
        # It holds as soon as the service manager hears of it.
        self.assertIn("may use no key", self.keys().stderr)
        self.token.configure()
        self.reload()
        self.assertEqual(self.keys().returncode, 0)
        self.assertEqual(self.worker(), worker)
        self.assertEqual(self.token.logged_in(), logins)
        self.assertIn("MONOTONIC_USEC=", self.heard)

    def test_a_wrong_file_changes_nothing(self):
        self.start()
        self.told("READY=1")
        self.assertEqual(self.keys().returncode, 0)
        worker = self.worker()
        for change, word in (
                (lambda t: t + "\nnonsense\n", "neither a"),
                (lambda t: t.replace("[agent]", "[agent]\nclients = 9", 1),
                 "only when sealpointd is restarted"),
                (lambda t: t.replace("socket = /", "socket = /x/", 1),
                 "only when sealpointd is restarted")):
            self.token.configure(change)
            self.reload()
            self.assertIn(word, self.daemon.said())
            self.assertEqual(self.keys().returncode, 0)
        self.assertEqual(self.worker(), worker)

    def test_tokens_come_and_go(self):
        self.start()
        self.told("READY=1")
        self.assertEqual(self.keys().returncode, 0)
        first = self.worker()
        self.token.configure(lambda t: t.replace(
            "[allow", "[token other]\nmodule = " + self.token.module +
            "\nuri = pkcs11:token=nowhere\n[allow", 1))
        self.reload()
        house.wait_for(lambda: len(self.worker()) == 2, "a second worker")
        self.assertEqual(len(self.status_rows()), 2)
        self.token.configure()
        self.reload()
        house.wait_for(lambda: self.worker() == first, "one worker again")
        self.assertEqual(len(self.status_rows()), 1)
        # A token that is described anew gets a new process.
        self.token.configure(lambda t: t.replace(
            "sessions = 4", "sessions = 3"))
        self.reload()
        house.wait_for(lambda: len(self.worker()) == 1 and
                       self.worker() != first, "a new worker")
        self.assertEqual(self.keys().returncode, 0)

    def test_under_load_no_request_notices(self):
        self.start()
        self.told("READY=1")
        self.assertEqual(self.keys().returncode, 0)

        def descriptors():
            return [len(os.listdir(f"/proc/{pid}/fd"))
                    for pid in [self.daemon.child.pid, *self.front()]]

        def other(text):
            return text.replace(
                "[allow", "[token other]\nmodule = " + self.token.module +
                "\nuri = pkcs11:token=nowhere\n[allow", 1)

        def fewer(text):
            return text.replace("sessions = 4", "sessions = 3")

        def rule(text):
            return text + "\n[allow more]\nuser = 4321\nkey = any\n"

        identity = caller.Identity(self.token.certificate("rsa").read_bytes())
        changes = [other, rule, lambda text: text, fewer, other]
        before = descriptors()
        with caller.Crowd(self.socket, identity, 8) as crowd:
            house.wait_for(lambda: crowd.done > 8, "signatures")
            for i in range(20):
                self.token.configure(changes[i % len(changes)])
                self.reload()
            self.token.configure()
            self.reload()
            house.wait_for(lambda: len(self.worker()) == 1, "one worker")
            done = crowd.done
            house.wait_for(lambda: crowd.done > done + 8, "signatures")
        self.assertEqual(crowd.failures, [])
        self.assertEqual(crowd.errors, [])
        house.wait_for(lambda: all(map(operator.le, descriptors(), before)),
                       "no more descriptors than before", 10)

    def test_a_pin_from_a_pipe_outlives_its_worker(self):
        def piped(text):
            return re.sub(r"(?m)^pin = .*$", f"pin = fd:{reading}", text)

        reading, writing = os.pipe()
        os.write(writing, (self.token.dir / "pin").read_bytes())
        os.close(writing)
        self.addCleanup(os.close, reading)
        self.token.configure(piped)
        self.start(fds=[reading])
        self.told("READY=1")
        self.assertEqual(self.keys().returncode, 0)
        first = self.worker()
        self.token.configure(lambda text: piped(text).replace(
            "sessions = 4", "sessions = 3"))
        self.reload()
        house.wait_for(lambda: self.worker() not in ([], first), "another")
        self.assertEqual(self.keys().returncode, 0)
        # A new one cannot come: so nothing changes, and nobody waits for it.
        second = self.worker()
        self.token.configure(lambda text: piped(text).replace(
            "[allow", "[token other]\nmodule = " + self.token.module +
            "\nuri = pkcs11:token=nowhere\npin = fd:77\n[allow", 1))
        self.reload()
        self.assertIn("fd:77 is taken when sealpointd starts",
                      self.daemon.said())
        self.assertEqual(self.keys().returncode, 0)
        self.assertEqual(self.worker(), second)

    def status_rows(self):
        done = self.sealpoint("--json", "status",
                              env={"SEALPOINT_AGENT": self.socket})
        return house.json.loads(done.stdout)


class Check(Service):
    def check(self):
        done = subprocess.run(
            [str(house.program("sealpointd")), "-c", str(self.conf),
             "--check"], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_it_looks_at_what_the_file_names(self):
        self.assertEqual(self.check()[0], 0)
        for change, words in (
                (lambda t: t.replace("sandbox-path = /",
                                     "sandbox-path = /no/", 1),
                 "sandbox-path = /no/"),
                (lambda t: t.replace("module = /", "module = /no/", 1),
                 "module = /no/"),
                (lambda t: t.replace("pin = file:/", "pin = file:/no/", 1),
                 "pin: /no/"),
                (lambda t: t.replace("uri ", "certificate = /no/cert\nuri ", 1),
                 "certificate = /no/cert"),
                (lambda t: t.replace("state = /", "state = /no/", 1),
                 "/no/")):
            self.token.configure(change)
            status, said = self.check()
            self.assertEqual(status, 1, said)
            self.assertIn(words, said)
