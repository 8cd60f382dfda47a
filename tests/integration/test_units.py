"""The units for systemd, as systemd itself judges them."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import house

UNITS = house.ROOT / "agent/systemd"
SERVICE = house.BUILD / "agent/systemd/sealpointd.service"
MOST = 15  # tenths: the exposure that systemd-analyze may find
CALLS = """capset landlock_add_rule landlock_create_ruleset
    landlock_restrict_self prlimit64 seccomp""".split()


def analyze(*words, **options):
    return subprocess.run(["systemd-analyze", "--no-pager",
                           *(str(w) for w in words)], text=True, timeout=60,
                          capture_output=True, check=False, **options)


@unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
class Units(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory(prefix="sp.", dir="/tmp")
        self.addCleanup(held.cleanup)
        self.dir = pathlib.Path(held.name)
        # systemd looks for the program that the unit names.
        text, n = re.subn("(?m)^ExecStart=.*",
                          f"ExecStart={house.program('sealpointd')}",
                          SERVICE.read_text())
        self.assertEqual(n, 1)
        self.service = self.dir / "sealpointd.service"
        self.service.write_text(text)
        shutil.copy(UNITS / "sealpointd.socket", self.dir)

    def exposure(self):
        return analyze("security", "--offline=true", f"--threshold={MOST}",
                       self.service)

    def verify(self):
        """What systemd has to say against the unit, and whether it is bad."""
        done = analyze("verify", "--man=no", self.service, self.dir /
                       "sealpointd.socket", env={**os.environ,
                       "SYSTEMD_UNIT_PATH": f"{self.dir}:"})
        return done.returncode, [line for line in done.stderr.splitlines()
                                 if "sealpoint" in line]

    def drop_in(self, name):
        folder = self.dir / "sealpointd.service.d"
        folder.mkdir(exist_ok=True)
        shutil.copy(UNITS / name, folder)

    @unittest.skipUnless(os.geteuid() == 0, "gives files away")
    def test_directories_are_whose_they_should_be(self):
        """Made below another root, as at boot."""
        root = self.dir / "root"
        (root / "etc").mkdir(parents=True)
        for tool, words in (("systemd-sysusers", []),
                            ("systemd-tmpfiles", ["--create"])):
            conf = {"systemd-sysusers": UNITS / "sysusers.conf",
                    "systemd-tmpfiles": SERVICE.parent / "tmpfiles.conf"}
            done = subprocess.run([tool, *words, f"--root={root}",
                                   conf[tool]], text=True, timeout=60,
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        agent = int(re.search(r"(?m)^sealpoint:[^:]*:(\d+):",
                              (root / "etc/passwd").read_text())[1])
        line = re.search(r"(?m)^d (\S*/etc\S*)",
                         (SERVICE.parent / "tmpfiles.conf").read_text())
        # Everybody reads sealpoint.conf, which stands beside sealpointd.conf.
        for path, owner, mode in ((line[1], 0, 0o755),
                                  ("/run/sealpoint", agent, 0o755),
                                  ("/var/lib/sealpoint", agent, 0o700),
                                  ("/var/log/sealpoint", agent, 0o750)):
            with self.subTest(path):
                made = (root / path.lstrip("/")).stat()
                self.assertEqual((made.st_uid, made.st_mode & 0o7777),
                                 (owner, mode))

    def test_the_service_is_exposed_no_more_than_it_may(self):
        done = self.exposure()
        self.assertEqual(done.returncode, 0, done.stdout)
        found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
        self.assertLessEqual(float(found.group(1)), MOST / 10)

    def test_a_service_with_fewer_walls_would_not_pass(self):
        text = self.service.read_text()
        self.service.write_text(re.sub(
            "(?m)^(PrivateNetwork|CapabilityBoundingSet|SystemCallFilter|"
            "IPAddressDeny).*", "", text))
        self.assertNotEqual(self.exposure().returncode, 0)

    def test_systemd_understands_every_line(self):
        self.assertEqual(self.verify(), (0, []))
        for name in ("network-hsm.conf", "programs.conf", "smartcard.conf"):
            self.drop_in(name)
            self.assertEqual(self.verify(), (0, []), name)

    def test_a_line_that_systemd_does_not_know_is_seen(self):
        with open(self.service, "a", encoding="utf-8") as file:
            file.write("[Service]\nProtectEverything=yes\n")
        self.assertNotEqual(self.verify()[1], [])

    def test_the_processes_may_still_shut_themselves_in(self):
        last = {}
        for line in self.service.read_text().splitlines():
            if line.startswith("SystemCallFilter="):
                deny = "~" in line
                for word in line.partition("=")[2].lstrip("~").split():
                    last[word] = not deny
        for call in CALLS:
            self.assertTrue(last.get(call), call)

    def test_user_and_directories_are_what_the_service_names(self):
        done = subprocess.run(
            ["systemd-sysusers", "--dry-run", "--root", self.dir,
             UNITS / "sysusers.conf"], capture_output=True, text=True,
            check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Creating user 'sealpoint'", done.stderr + done.stdout)
        made = (house.BUILD / "agent/systemd/tmpfiles.conf").read_text()
        for folder in ("/run/sealpoint", "/var/lib/sealpoint",
                       "/var/log/sealpoint"):
            self.assertRegex(made, f"(?m)^d {folder} 07[05][05] sealpoint ")
