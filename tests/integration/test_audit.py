"""The audit log of a real agent: what is recorded, sealed, rotated, continued
and found out. Hashes and signatures are checked by Python and openssl too,
which share no code with the agent."""
import glob
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import time

import caller
import house

EVENTS = {"open", "use", "end", "deny", "seal", "torn", "cut", "lost", "more"}


def rechain(lines):
    """The records, their chain computed anew."""
    found, prev = [], bytes(32)
    for line in lines:
        record = json.loads(line)
        body, _, rest = line.rpartition(',"chain":"')
        if not found and record["n"] > 1:
            prev = bytes.fromhex(record["prev"])
        prev = hashlib.sha256(prev + body.encode()).digest()
        assert rest == prev.hex() + '"}', line
        assert record["event"] in EVENTS
        found.append(record)
    for before, after in zip(found, found[1:]):
        assert after["n"] == before["n"] + 1, after
    return found


class Audited(house.Case):
    """An agent with an audit log; each test starts and stops its own."""

    want_agent = False
    settings = ""

    def setUp(self):
        super().setUp()
        self.log = self.work / "audit.log"
        self.head = self.token.dir / "state/audit-head"
        self.message = self.work / "message"
        self.message.write_bytes(b"to be signed")

    def start(self, settings=""):
        def change(text):
            return re.sub(
                r"(?m)^\[agent\]$",
                f"[agent]\naudit = {self.log}\n{settings}", text)
        conf = self.token.configure(change)
        found = re.search(r"(?m)^state = (.*)$", conf.read_text())
        self.head = pathlib.Path(found.group(1)) / "audit-head"
        self.agent = house.Agent(self.token)
        self.addCleanup(self.stop)
        self.does("keys")

    def stop(self):
        agent, self.agent = self.agent, None
        if agent is not None:
            agent.stop()

    def fresh(self):
        """No head of an earlier test's log."""
        conf = (self.token.dir / "sealpointd.conf").read_text()
        state = re.search(r"(?m)^state = (.*)$", conf).group(1)
        pathlib.Path(state, "audit-head").unlink(missing_ok=True)

    def sign(self, key=None, **options):
        return self.sealpoint("sign", "-k", key or self.rsa, "-i",
                              self.message, "-o", self.work / "sig",
                              **options)

    def signs(self, **options):
        done = self.sign(**options)
        self.assertEqual(done.returncode, 0, done.stderr)

    def lines(self, path=None):
        return (path or self.log).read_text(encoding="ascii").splitlines()

    def records(self, event=None, path=None):
        found = rechain(self.lines(path))
        return [r for r in found if event in (None, r["event"])]

    def wait_for(self, event, count=1):
        house.wait_for(lambda: len(self.records(event)) >= count,
                       f"{count} {event} records")
        return self.records(event)

    def front(self):
        return next(pid for pid, name in self.agent.descendants().items()
                    if name.startswith("sealpoint-front"))

    def verify(self, *options):
        return self.sealpoint("--json", "audit", "verify", *options)

    def sound(self, *options):
        done = self.verify("--file", self.log, *options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)


class Recorded(Audited):

    def setUp(self):
        super().setUp()
        self.fresh()

    def test_a_use_is_recorded_with_who_what_and_how_it_came_out(self):
        self.start()
        self.signs()
        use = self.wait_for("use")[0]
        end = self.wait_for("end")[0]
        self.assertEqual(use["uid"], os.getuid())
        self.assertEqual(use["gid"], os.getgid())
        self.assertEqual(use["exe"], str(self.sealpoint_program))
        self.assertEqual(use["sha1"].upper(), self.rsa)
        self.assertEqual(use["op"], "sign")
        self.assertEqual((use["scheme"], use["hash"]),
                         ("rsa-pkcs1", "sha256"))
        self.assertEqual(use["digest"], hashlib.sha256(
            self.message.read_bytes()).hexdigest())
        self.assertEqual((end["of"], end["result"], end["ckr"]),
                         (use["n"], "ok", 0))
        self.assertGreater(end["us"], 0)
        self.assertGreaterEqual(end["us"], end["token_us"])
        self.assertNotIn("to be signed", self.log.read_text())
        self.assertEqual(self.log.stat().st_mode & 0o777, 0o600)

    def test_a_refusal_is_recorded_with_the_rule_that_was_missing(self):
        self.start()
        if os.getuid() != 0:
            self.skipTest("needs root, to be somebody else")
        self.token.dir.chmod(0o711)
        copy = self.dir / "sealpoint-copy"
        shutil.copy(self.sealpoint_program, copy)
        copy.chmod(0o755)
        done = subprocess.run(
            ["setpriv", f"--reuid={house.NOBODY}", f"--regid={house.NOBODY}",
             "--clear-groups", copy, "sign", "-k", self.rsa, "-i",
             "/etc/passwd", "-o", "-"],
            env={**os.environ, "SEALPOINT_AGENT": self.agent.socket,
                 "HOME": "/nonexistent"},
            capture_output=True, check=False, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        deny = self.wait_for("deny")[0]
        self.assertEqual((deny["uid"], deny["gid"], deny["result"]),
                         (house.NOBODY, house.NOBODY, "denied"), done.stderr)
        self.assertIn("no [allow] section", deny["why"])
        self.assertEqual(self.records("use"), [])

    def test_the_head_follows_the_log_within_a_second(self):
        self.start()
        self.signs()
        last = self.wait_for("end")[-1]
        house.wait_for(
            lambda: f"records {last['n']:020}" in self.head.read_text(),
            "the head", 5)

    def test_a_restart_continues_the_chain(self):
        self.start()
        self.signs()
        self.stop()
        self.start()
        self.signs()
        self.stop()
        opens = self.records("open")
        self.assertEqual([r["reason"] for r in opens], ["start", "start"])
        self.assertEqual(len(self.records("end")), 2)
        # An orderly end leaves nothing to be noted later.
        last = self.records()[-1]
        self.assertIn(f"records {last['n']:020}\n", self.head.read_text())
        self.sound("--head", self.head)

    def test_the_last_words_of_a_front_are_heard_after_its_end(self):
        """A supervisor that comes late to it finds several, and its death."""
        self.start()
        identity = caller.Identity(self.token.certificate("rsa").read_bytes())
        with caller.Caller(self.agent.socket, identity) as one:
            self.assertEqual(one.sign().status, 0)
            front = self.front()
            os.kill(self.agent.child.pid, signal.SIGSTOP)
            try:
                self.tell_and_end(one, front)
            finally:
                os.kill(self.agent.child.pid, signal.SIGCONT)
        self.stop()
        last = self.records()[-1]
        self.assertEqual(len(self.records("use")), 3)
        self.assertIn(f"records {last['n']:020}\n", self.head.read_text())

    def tell_and_end(self, one, front):
        """Twice the front has something to say of the log."""
        self.assertEqual(one.sign().status, 0)
        time.sleep(1.2)  # within a second it says so
        self.assertEqual(one.sign().status, 0)
        os.kill(self.agent.child.pid, signal.SIGTERM)
        os.kill(front, signal.SIGTERM)
        house.wait_for(lambda: ") Z " in pathlib.Path(
            f"/proc/{front}/stat").read_text(), "its end")

    def test_the_front_killed_in_its_work_loses_no_use(self):
        self.start()
        sent = 0
        for _ in range(3):
            self.signs()
            sent += 1
            front = self.front()
            os.kill(front, signal.SIGKILL)
            house.wait_for(lambda: front not in self.agent.descendants(),
                           "its end")
            house.wait_for(lambda: self.sealpoint("keys").returncode == 0,
                           "a new one")
        self.stop()
        self.assertEqual(len(self.records("use")), sent)
        self.sound("--head", self.head)

    def test_a_torn_record_is_told_and_not_mended(self):
        self.start()
        self.signs()
        self.stop()
        with open(self.log, "a", encoding="ascii") as log:
            log.write('{"n":99,"t":"2026-')
        self.start()
        self.stop()
        text = self.log.read_text()
        self.assertIn('\n{"n":99,"t":"2026-\n', text)
        self.assertIn('"event":"torn"', text)
        self.sound("--head", self.head)

    def test_a_tail_that_was_cut_while_the_agent_slept_is_told(self):
        self.start()
        self.signs()
        self.stop()
        lines = self.lines()
        self.log.write_text("\n".join(lines[:-2]) + "\n")
        done = self.verify("--file", self.log, "--head", self.head)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cut off", done.stdout + done.stderr)
        self.start()
        self.stop()
        self.assertIn('"event":"cut"', self.log.read_text())
        done = self.verify("--file", self.log, "--head", self.head)
        self.assertEqual(done.returncode, 1)
        self.assertIn("were gone", done.stdout + done.stderr)

    def emptied(self, how):
        """The log is told to be gone, at the next start and by verify."""
        self.start()
        self.signs()
        self.stop()
        old = self.work / "audit.old"
        shutil.copy(self.log, old)
        how(self.log)
        self.start()
        self.assertIn(f"{self.log} holds no record", self.agent.said())
        self.stop()
        self.assertEqual(self.records("open")[0]["reason"], "gone")
        for options in ([], ["--head", self.head]):
            done = self.verify("--file", self.log, *options)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn("gone or empty", done.stderr)
        # Whoever has kept it somewhere else has lost nothing.
        done = self.verify("--file", old, "--file", self.log,
                           "--head", self.head)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_log_emptied_while_the_agent_slept_is_told(self):
        self.emptied(lambda log: os.truncate(log, 0))

    def test_a_log_removed_while_the_agent_slept_is_told(self):
        self.emptied(os.unlink)

    def test_a_log_emptied_while_it_is_written_is_told(self):
        self.start()
        self.signs()
        self.wait_for("end")
        os.truncate(self.log, 0)
        done = self.verify("--file", self.log, "--head", self.head)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.signs()
        house.wait_for(lambda: f"{self.log} has " in self.agent.said(),
                       "a word of it", 5)
        self.stop()
        done = self.verify("--file", self.log, "--head", self.head)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("begins in the middle", done.stderr)

    def test_a_log_removed_while_it_is_written_is_told_and_begun_anew(self):
        self.start()
        self.signs()
        self.wait_for("end")
        self.log.unlink()
        self.signs()
        house.wait_for(lambda: self.log.exists() and self.log.stat().st_size,
                       "a new file", 5)
        self.assertIn(f"{self.log} was removed", self.agent.said())
        self.signs()
        self.stop()
        self.assertEqual(self.records("open")[0]["reason"], "gone")
        self.assertEqual(len(self.records("use")), 1)
        done = self.verify("--file", self.log, "--head", self.head)
        self.assertEqual(done.returncode, 1, done.stdout)

    def test_an_empty_head_proves_nothing_and_is_refused(self):
        self.start()
        self.signs()
        self.stop()
        empty = self.work / "empty"
        empty.touch()
        done = self.verify("--file", self.log, "--head", empty)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{empty} is empty", done.stderr)
        # The agent says, too, that it has nothing to compare with.
        self.head.unlink()
        self.start()
        self.assertIn("nobody can tell", self.agent.said())

    def test_a_log_moved_away_goes_on_in_a_new_file_after_sighup(self):
        self.start()
        self.signs()
        self.wait_for("end")
        old = self.work / "audit.old"
        self.log.rename(old)
        self.agent.child.send_signal(signal.SIGHUP)
        house.wait_for(lambda: self.log.exists() and self.log.stat().st_size,
                       "a new file")
        self.signs()
        self.wait_for("end")
        self.stop()
        self.assertEqual(self.records("open")[0]["reason"], "rotated")
        done = self.verify("--file", old, "--file", self.log,
                           "--head", self.head)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = self.verify("--file", self.log, "--file", old)
        self.assertEqual(done.returncode, 1, "wrong order")


class Full(Audited):

    def setUp(self):
        super().setUp()
        self.fresh()

    def limit(self, size):
        resource.prlimit(self.front(), resource.RLIMIT_FSIZE,
                         (size, resource.RLIM_INFINITY))

    def test_no_key_is_used_while_the_log_cannot_be_written(self):
        self.start()
        self.signs()
        self.wait_for("end")
        self.limit(self.log.stat().st_size + 100)
        done = self.sign()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("audit log", done.stderr)
        for _ in range(3):
            self.assertNotEqual(self.sign().returncode, 0)
        said = self.agent.said()
        self.assertEqual(said.count(f"{self.log} cannot be"), 1, said)
        self.limit(resource.RLIM_INFINITY)
        self.signs()
        lost = self.wait_for("lost")
        # The client tries again by itself, too.
        self.assertGreaterEqual(sum(r["count"] for r in lost), 3)
        self.assertIn("written again", self.agent.said())
        self.stop()
        self.sound("--head", self.head)

    def test_keys_are_used_all_the_same_if_that_is_wanted(self):
        self.start("audit-full = go\n")
        self.signs()
        self.wait_for("end")
        self.limit(self.log.stat().st_size + 100)
        for _ in range(3):
            self.signs()
        self.limit(resource.RLIM_INFINITY)
        self.signs()
        self.assertGreaterEqual(self.wait_for("lost")[0]["count"], 2)
        self.stop()
        self.sound("--head", self.head)


class Sealed(Audited):

    def setUp(self):
        super().setUp()
        self.fresh()

    def witness(self, seal, certificate):
        """openssl's judgement of a seal."""
        text = self.work / "text"
        sig = self.work / "sig.bin"
        text.write_bytes(f"sealpoint audit seal 1\nrecords "
                         f"{seal['records']}\nchain {seal['head']}\n".encode())
        sig.write_bytes(bytes.fromhex(seal["sig"]))
        key = self.work / "key.pem"
        key.write_text(self.openssl("x509", "-in", certificate, "-noout",
                                    "-pubkey"))
        said = self.openssl("dgst", "-sha256", "-verify", key, "-signature",
                            sig, text)
        self.assertIn("Verified OK", said)

    def sealed_by(self, name):
        cert = self.token.certificate(name)
        self.start(f"audit-key = {self.token.thumbprint(name)}\n"
                   "audit-every = 5\n")
        self.wait_for("seal", 1)
        for _ in range(4):
            self.signs()
        self.wait_for("seal", 2)
        self.stop()
        records = self.records()
        for seal in self.records("seal"):
            self.witness(seal, cert)
            chain = json.loads(self.lines()[seal["records"] - 1])["chain"]
            self.assertEqual(seal["head"], chain)
        said = self.sound("--cert", cert, "--head", self.head)
        self.assertEqual(said["seals"], said["checked"])
        self.assertEqual(said["records"], len(records))

    def test_an_rsa_key_seals_at_the_start_and_every_few_records(self):
        self.sealed_by("rsa")

    def test_an_ec_key_seals_too(self):
        self.sealed_by("ec")

    def test_a_log_written_anew_lacks_the_seal_and_that_is_found(self):
        self.start(f"audit-key = {self.rsa}\n")
        self.wait_for("seal")
        self.signs()
        self.stop()
        cert = self.token.certificate("rsa")
        lines, prev = [], bytes(32)
        for line in self.lines():
            line = line.replace(f'"uid":{os.getuid()}', '"uid":4242')
            if '"event":"seal"' in line:
                line = re.sub('"head":"[0-9a-f]*"',
                              f'"head":"{prev.hex()}"', line)
            body = line.rpartition(',"chain":"')[0]
            prev = hashlib.sha256(prev + body.encode()).digest()
            lines.append(f'{body},"chain":"{prev.hex()}"}}')
        # The seal is forged where the records before it were changed.
        first = lines[0].replace('"reason":"start"', '"reason":"rotated"')
        self.log.write_text("\n".join([first, *lines[1:]]) + "\n")
        done = self.verify("--file", self.log, "--cert", cert)
        self.assertEqual(done.returncode, 1, done.stdout)

    def test_without_the_certificate_it_is_said_that_seals_are_unchecked(self):
        self.start(f"audit-key = {self.rsa}\n")
        self.wait_for("seal")
        self.stop()
        said = self.sound()
        self.assertEqual((said["seals"], said["checked"]), (1, 0))
        done = self.sealpoint("audit", "verify", "--file", self.log)
        self.assertIn("--cert", done.stderr)
        done = self.verify("--file", self.log, "--cert",
                           self.token.certificate("ec"))
        self.assertEqual(done.returncode, 1, done.stdout)


class Rotated(Audited):

    def setUp(self):
        super().setUp()
        self.fresh()

    def test_a_full_file_is_closed_and_the_chain_goes_on_in_the_next(self):
        self.start(f"audit-size = 1\naudit-key = {self.rsa}\n")
        self.fill()
        house.wait_for(lambda: glob.glob(f"{self.log}.*"), "a closed file")
        self.signs()
        self.stop()
        files = [*sorted(glob.glob(f"{self.log}.*")), str(self.log)]
        options = [o for f in files for o in ("--file", f)]
        done = self.verify(*options, "--head", self.head, "--cert",
                           self.token.certificate("rsa"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for path in files[:-1]:
            self.assertGreaterEqual(os.stat(path).st_size, 1 << 20)
        opens = self.records("open")
        self.assertEqual(opens[0]["reason"], "rotated")
        options = [o for f in files[1:] for o in ("--file", f)]
        done = self.verify(*options, "--head", self.head)
        self.assertEqual(done.returncode, 0, "the last alone")

    def overtaken(self):
        """An agent caught while it turns to a new file: the front has gone on
        writing to the full one, and does not know of the next one yet."""
        self.start("audit-size = 1\n")
        # Stopped after the first answer: it tells who asks.
        self.fill(lambda: self.agent.child.send_signal(signal.SIGSTOP))
        front = self.front()
        os.kill(front, signal.SIGSTOP)
        self.agent.child.send_signal(signal.SIGCONT)
        house.wait_for(lambda: glob.glob(f"{self.log}.*"), "another file")
        return front

    def kill(self):
        """All of the agent at once."""
        agent, self.agent = self.agent, None
        ends = agent.descendants()
        agent.child.kill()
        agent.child.wait()
        house.wait_for(
            lambda: not any(os.path.exists(f"/proc/{pid}") for pid in ends),
            "their end")

    def whole(self):
        """All files are one log, in which nothing is missing or twice."""
        self.signs()
        self.stop()
        files = [*sorted(glob.glob(f"{self.log}.*")), str(self.log)]
        options = [o for f in files for o in ("--file", f)]
        done = self.verify(*options, "--head", self.head)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertFalse(os.path.exists(f"{self.log}.new"))

    def test_a_front_killed_while_the_file_turns_leaves_a_whole_log(self):
        front = self.overtaken()
        os.kill(front, signal.SIGKILL)
        house.wait_for(lambda: front not in self.agent.descendants(),
                       "its end")
        house.wait_for(lambda: self.sealpoint("keys").returncode == 0,
                       "a new one")
        self.whole()

    def test_an_agent_killed_while_the_file_turns_leaves_a_whole_log(self):
        self.overtaken()
        self.kill()
        self.start("audit-size = 1\n")
        self.whole()

    def fill(self, then=lambda: None):
        """More than a MiB of records."""
        identity = caller.Identity(
            self.token.certificate("rsa").read_bytes())
        with caller.Caller(self.agent.socket, identity) as one:
            one.ask()
            self.assertEqual(one.answer().status, 0)
            then()
            for _ in range(140):
                for _ in range(16):
                    one.ask()
                for _ in range(16):
                    self.assertEqual(one.answer().status, 0)
