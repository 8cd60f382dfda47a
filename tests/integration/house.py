"""What the end-to-end tests stand on: the real programs of one build, a
throw-away token, an agent, a test management point. Knows how to start, stop
and ask them; judges nothing.

SEALPOINT_BUILD names the build directory.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SEALPOINT_BUILD", ROOT / "build/dev"))
MPSIM = ROOT / "tests/mpsim/mpsim"
TOOLS = ROOT / "softhsm-config"
NOBODY = 65534
NAMES = ["--netbios", "PC1", "--fqdn", "pc1.example.com"]
TIMEOUT = 120


def program(name):
    """Path of a program that this build made."""
    for path in sorted(BUILD.rglob(name)):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise AssertionError(f"{name} is not built in {BUILD}")


def wait_for(ready, what, seconds=30):
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def listening(path):
    """Whether a socket that listens has that path: one that is only bound
    refuses who connects."""
    accepts = 1 << 16  # __SO_ACCEPTCON, of the fourth column
    for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]:
        column = line.split(maxsplit=7)
        if column[-1] == str(path) and int(column[3], 16) & accepts:
            return True
    return False


def prepared(name, make):
    """A directory that make() fills: made once per build, since its keys take
    seconds; copied by every test."""
    base = BUILD / "tests/integration"
    base.mkdir(parents=True, exist_ok=True)
    part = base / f"{name}.part"
    with open(base / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (base / name).is_dir():
            shutil.rmtree(part, ignore_errors=True)
            make(part)
            os.replace(part, base / name)
    return base / name


def prepared_point():
    """The test MP's certificates."""
    def make(part):
        with Point(part):
            pass
        (part / "verdicts.jsonl").unlink(missing_ok=True)
    return prepared("mp", make)


def prepared_token():
    """A token with its identities, from that MP."""
    point = prepared_point()
    return prepared("token", lambda part: Token(part, point))


class Process:
    """A program in the background, its words in a file."""

    def __init__(self, log, *command, **options):
        self.log = log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(
                [str(c) for c in command], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, **options)

    def said(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        return self.child.poll() is None

    def stop(self):
        """Its exit status after SIGTERM; fails if it has to be killed."""
        if self.alive():
            self.child.terminate()
        try:
            return self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(
                f"had to be killed; it said:\n{self.said()}") from None


class Point(Process):
    """The test management point: Point(dir, "--pending", "1"). Clients know
    it by its URL, so one that follows another takes over its port. Without
    tls it serves mixed mode."""

    def __init__(self, directory, *options, port=0, tls=True):
        directory = pathlib.Path(directory)
        directory.mkdir(exist_ok=True)
        self.dir = directory
        self.verdicts_file = directory / "verdicts.jsonl"
        log = directory / "mpsim.out"
        log.unlink(missing_ok=True)
        super().__init__(log, MPSIM, "--dir", directory, "--port",
                         port, *(["--tls"] if tls else []), *options)
        wait_for(lambda: "ready " in self.said() or not self.alive(),
                 "management point", 60)
        found = re.search(r"^ready \S+ (\d+)", self.said(), re.MULTILINE)
        if not found:
            raise AssertionError(f"mpsim said:\n{self.said()}")
        self.port = int(found.group(1))
        self.tls = tls
        self.url = f"http{'s' if tls else ''}://localhost:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def verdicts(self):
        if not self.verdicts_file.exists():
            return []
        lines = self.verdicts_file.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def forget(self):
        """It has the file open for appending."""
        with open(self.verdicts_file, "ab") as file:
            file.truncate(0)

    def options(self, key, state):
        """What every command that talks to it needs."""
        return ["-k", key, "--mp", self.url, "--site", "PRI",
                "--mode", "native" if self.tls else "mixed",
                "--ca", self.dir / "ca.pem",
                "--mp-certs", self.dir / "mp-sign.pem", "--state", state,
                *NAMES]


class Token:
    """A SoftHSM2 token, with rsa and ec identities, and its configuration;
    new, or a copy of another one's directory, with the same keys and serial
    number."""

    def __init__(self, directory, point_dir, like=None):
        self.dir = pathlib.Path(directory)
        self.point_dir = point_dir
        if like is None:
            self.quietly(TOOLS / "token", "--mp", point_dir, self.dir)
        else:
            self.copy(like)
        self.module = (self.dir / "module").read_text().strip()
        self.url = f"pkcs11:token=sealpoint;pin-source={self.dir / 'pin'}"

    def copy(self, like):
        shutil.copytree(like, self.dir)
        conf = self.dir / "softhsm2.conf"
        was = re.search("(?m)^directories.tokendir = (.*)/tokens$",
                        conf.read_text()).group(1)
        for path in (conf, self.dir / "sealpointd.conf"):
            path.write_text(path.read_text().replace(was, str(self.dir)))

    def quietly(self, *command, **options):
        done = subprocess.run([str(c) for c in command], text=True,
                              stdin=subprocess.DEVNULL, timeout=TIMEOUT,
                              capture_output=True, check=False, **options)
        if done.returncode:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def identity(self, name, number, *options):
        self.quietly(TOOLS / "identity", "--mp", self.point_dir, self.dir,
                     name, number, *options)

    def p11tool(self, *options):
        return self.quietly("p11tool", "--provider", self.module, "--batch",
                            "--login", *options, self.url,
                            env=self.environment())

    def environment(self):
        return {**os.environ, "SOFTHSM2_CONF": str(self.dir / "softhsm2.conf")}

    def certificate(self, name):
        return self.dir / f"{name}.pem"

    def thumbprint(self, name, digest="sha1"):
        said = self.quietly("openssl", "x509", "-noout", "-fingerprint",
                            f"-{digest}", "-in", self.certificate(name))
        return said.partition("=")[2].strip().replace(":", "")

    def logged_in(self):
        """Changes whenever anybody calls C_Login, right PIN or wrong:
        SoftHSM2 then writes this file anew."""
        return [p.stat().st_mtime_ns
                for p in self.dir.glob("tokens/*/token.object")]

    def self_signed(self, label, number):
        """A key made on the token, and its self-signed certificate: what a
        client in mixed mode has. The thumbprint."""
        common = ["--module", self.module, "--uri", "pkcs11:token=sealpoint",
                  "--pin", f"file:{self.dir / 'pin'}",
                  "--state", self.dir / "guard"]
        run = [program("sealpoint"), "--config", "/dev/null", "--json",
               "token"]
        self.quietly(*run, "generate", *common, "--type", "rsa-2048",
                     "--label", label, "--id", number,
                     env=self.environment())
        said = self.quietly(*run, "self-sign", *common, "--label", label,
                            "--subject", f"CN={label}",
                            env=self.environment())
        return json.loads(said)["thumbprint"]

    def configure(self, change=lambda text: text):
        """Writes the agent's configuration anew, changed by `change`."""
        path = self.dir / "sealpointd.conf"
        original = self.dir / "original.conf"
        if not original.exists():
            shutil.copy(path, original)
        path.write_text(re.sub(r"(?m)^module = (.*)$", self.with_page,
                               change(original.read_text())))
        return path

    @staticmethod
    def with_page(line):
        """A module of tests/faultmod is commanded by a page beside it, which
        the strict sandbox must let it have."""
        page = pathlib.Path(f"{line.group(1)}.page")
        more = f"\nsandbox-path = {page} rw" if page.exists() else ""
        return line.group(0) + more


class Agent(Process):
    """sealpointd on a token."""

    def __init__(self, token):
        self.token = token
        conf = token.dir / "sealpointd.conf"
        text = conf.read_text()
        self.socket = re.search(r"(?m)^socket = (.*)$", text).group(1)
        pathlib.Path(self.socket).unlink(missing_ok=True)
        sockets = [self.socket, *re.findall(r"(?m)^control = (.*)$", text)]
        super().__init__(token.dir / "sealpointd.log", program("sealpointd"),
                         "-c", conf, env=token.environment())
        wait_for(lambda: all(map(listening, sockets)) or not self.alive(),
                 "agent's sockets")
        if not self.alive():
            raise AssertionError(f"sealpointd said:\n{self.said()}")

    def descendants(self):
        """Process ids below the supervisor, by command name."""
        found, waiting = {}, [self.child.pid]
        while waiting:
            pid = waiting.pop()
            with contextlib.suppress(OSError):
                children = pathlib.Path(
                    f"/proc/{pid}/task/{pid}/children").read_text().split()
                for child in children:
                    name = pathlib.Path(f"/proc/{child}/comm").read_text()
                    found[int(child)] = name.strip()
                    waiting.append(int(child))
        return found

    def workers(self):
        return [pid for pid, name in self.descendants().items()
                if name.startswith("sealpoint-token")]

    def stop(self):
        status = super().stop()
        assert "Sanitizer" not in self.said(), self.said()
        assert status in (0, -signal.SIGTERM), (status, self.said())
        return status


class Case(unittest.TestCase):
    """A directory, and what the class asks for, made once for the class."""

    want_agent = True
    point_options = None  # a tuple starts a management point for the class
    point_tls = True  # native mode; else mixed

    @classmethod
    def setUpClass(cls):
        program("sealpointd"), program("sealpoint-token")
        cls.sealpoint_program = program("sealpoint")
        cls.held = contextlib.ExitStack()
        cls.addClassCleanup(cls.held.close)
        cls.dir = pathlib.Path(cls.held.enter_context(
            tempfile.TemporaryDirectory(prefix="sp.", dir="/tmp")))
        cls.dir.chmod(0o755)
        cls.point_dir = cls.dir / "mp"
        shutil.copytree(prepared_point(), cls.point_dir)
        cls.token = Token(cls.dir / "token", cls.point_dir, prepared_token())
        cls.prepare()
        cls.rsa = cls.token.thumbprint("rsa")
        cls.ec = cls.token.thumbprint("ec")
        cls.agent = cls.point = None
        if cls.want_agent:
            cls.agent = cls.start_agent()
            cls.held.callback(lambda: cls.agent.stop())
        if cls.point_options is not None:
            cls.point = Point(cls.point_dir, *cls.point_options,
                              tls=cls.point_tls)
            cls.held.callback(lambda: cls.point.stop())

    @classmethod
    def prepare(cls):
        """For what must be there before the agent starts."""

    @classmethod
    def start_agent(cls):
        return Agent(cls.token)

    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
        self.addCleanup(self.all_alive)

    def all_alive(self):
        """Nothing that a test does may end what it does it to."""
        for process in (self.agent, self.point):
            if process is not None:
                self.assertTrue(process.alive(), process.said())

    def sealpoint(self, *arguments, **options):
        """Runs the program; its words as text."""
        done = self.sealpoint_bytes(*arguments, **options)
        done.stdout = done.stdout.decode(errors="replace")
        return done

    def sealpoint_bytes(self, *arguments, env=None, before=(), **options):
        environment = {**os.environ, "LC_ALL": "C.UTF-8",
                       "HOME": str(self.dir)}
        environment.pop("SEALPOINT_AGENT", None)
        if self.agent:
            environment["SEALPOINT_AGENT"] = self.agent.socket
        environment.update(env or {})
        done = subprocess.run(
            [*before, str(self.sealpoint_program),
             *(str(a) for a in arguments)],
            stdin=options.pop("stdin", subprocess.DEVNULL), timeout=TIMEOUT,
            capture_output=True, check=False, env=environment, **options)
        done.stderr = done.stderr.decode(errors="replace")
        self.assertNotIn("Sanitizer", done.stderr)
        return done

    def does(self, *arguments, **options):
        """Runs the program, which must succeed; what it wrote."""
        done = self.sealpoint(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def asks(self, *arguments, **options):
        """The same with --json; the value."""
        return json.loads(self.does("--json", *arguments, **options))

    def refuses(self, *arguments, says=(), status=1, **options):
        """Runs the program, which must refuse: the exit status, nothing on
        standard output, one sentence that has each of the words (regular
        expressions, any case). Returns the sentence."""
        done = self.sealpoint(*arguments, **options)
        self.assertEqual(done.returncode, status,
                         done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        lines = [line for line in done.stderr.splitlines()
                 if not line.startswith(("sealpoint: warning", "  "))]
        self.assertEqual(len(lines), 1, done.stderr)
        for word in [says] if isinstance(says, str) else says:
            self.assertRegex(lines[0].lower(), word.lower())
        self.assertGreater(len(lines[0].split()), 5, "no whole sentence")
        return lines[0]

    def openssl(self, *arguments, **options):
        return self.token.quietly("openssl", *arguments, **options)

    def status(self):
        """The state of the one token."""
        done = self.sealpoint("--json", "status")
        self.assertTrue(done.stdout, done.stderr)
        return json.loads(done.stdout)[0]

    def register(self, state, *options, key=None):
        return self.asks("register",
                         *self.point.options(key or self.rsa, state),
                         "--wait", "60", *options)

    def verdicts_are_clean(self):
        for verdict in self.point.verdicts():
            self.assertEqual(verdict["errors"], [], verdict)
