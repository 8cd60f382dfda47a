"""Completion for bash knows what the manual pages list: commands, options and
their values. Where the option tables and the pages agree, unit.mp.cli_help
says."""
import os
import re
import subprocess
import unittest

import house

SCRIPT = house.ROOT / "docs/completion/sealpoint.bash"
PAGES = house.ROOT / "docs/man"
RUN = """
source "$1"; shift
declare -a COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
"_${1##*/}" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def page_options(text):
    """Options of a section, with what follows each."""
    found = {}
    for line in re.findall(r"(?m)^\.It (Fl .*)", text):
        names, _, value = re.match(
            r"((?:Fl \S+(?: , )?)+)( (?:Ar|Cm|Pa) )?(.*)", line).groups()
        for name in re.findall(r"Fl (\S+)", names):
            found["-" + name] = value.strip()
    return found


def page_sections():
    text = (PAGES / "sealpoint.1").read_text(encoding="utf-8")
    sections = {}
    for heading, body in re.findall(
            r"(?ms)^\.S[sh] (.*?)\n(.*?)(?=^\.S[sh] |\Z)", text):
        sections[heading] = page_options(body)
    shared = sections["OPTIONS"]
    points = sections["Options for management points"]
    names = list(sections)
    commands = names[names.index("COMMANDS") + 1:
                     names.index("Options for management points")]
    point_groups = ("register", "policy", "mp", "locate", "send", "invoke",
                    "post")
    return {command: {**shared, **sections[command],
                      **(points if command.split()[0] in point_groups
                         else {})}
            for command in commands}


class Completion(house.Case):

    def offers(self, *words, program="sealpoint", env=None):
        """What bash offers for the last word."""
        environment = {**os.environ, **(env or {})}
        done = subprocess.run(
            ["bash", "--norc", "-c", RUN, "bash", SCRIPT,
             str(house.program(program)), *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=60, env=environment)
        self.assertEqual(done.stderr.replace(
            "bash: line 4: warning: compopt: not currently executing "
            "completion function\n", ""), "")
        return [line for line in done.stdout.splitlines() if line]

    def test_every_command_is_offered(self):
        commands = list(page_sections())
        self.assertGreater(len(commands), 20)
        self.assertEqual(self.offers(""),
                         list(dict.fromkeys(c.split()[0] for c in commands)))
        for group in {c.split()[0] for c in commands if " " in c}:
            self.assertEqual(
                self.offers("--json", group, ""),
                [c.split()[1] for c in commands if c.split()[0] == group])

    def test_every_option_of_every_command_is_offered(self):
        for command, options in page_sections().items():
            with self.subTest(command):
                self.assertEqual(sorted(self.offers(*command.split(), "-")),
                                 sorted(options))

    def test_every_value_of_every_option_is_offered(self):
        seen = {}
        for command, options in page_sections().items():
            for option, value in options.items():
                if " | " in value and seen.get(option) != value:
                    seen[option] = value
                    self.assertEqual(
                        self.offers(*command.split(), option, ""),
                        value.split(" | "))
        self.assertEqual(self.offers("register", "--mode", "=", "m"),
                         ["mixed"])
        self.assertGreater(len(seen), 8)

    def test_files_directories_and_kinds_are_offered(self):
        (self.work / "a-file").touch()
        (self.work / "a-dir").mkdir()
        start = str(self.work / "a-")
        both = [start + "dir", start + "file"]
        self.assertEqual(sorted(self.offers("sign", "-i", start)), both)
        self.assertEqual(sorted(self.offers("send", "hinv", start)), both)
        self.assertEqual(self.offers("policy", "sync", "-o", start),
                         [start + "dir"])
        self.assertEqual(self.offers("send", "--flags", "sign", "s"),
                         ["sinv", "status", "state"])
        self.assertEqual(self.offers("keys", "$(id)", "*", ""), [])

    def test_keys_are_offered_by_thumbprint(self):
        env = {"SEALPOINT_AGENT": self.agent.socket}
        self.assertEqual(sorted(self.offers("sign", "-k", "", env=env)),
                         sorted([self.rsa, self.ec]))
        self.assertEqual(self.offers("cert", "show", "--key", self.ec[:6],
                                     env=env), [self.ec])

    def test_tokens_are_offered_by_name(self):
        env = {"SEALPOINT_AGENT": self.agent.socket}
        for command in ("lock", "unlock"):
            self.assertEqual(self.offers(command, "", env=env), ["sealpoint"])
            self.assertEqual(self.offers(command, "x", env=env), [])
            self.assertEqual(
                self.offers(command, "sealpoint", "", env=env), [])

    def test_the_daemon_is_completed_too(self):
        text = (PAGES / "sealpointd.8").read_text(encoding="utf-8")
        options = {f"--{name}" for name in re.findall(
            r"(?m)^\.It .*Fl Fl (\S+)", text)}
        options |= {f"-{letter}" for letter in re.findall(
            r"(?m)^\.It Fl (\w) ", text)}
        self.assertEqual(set(self.offers("", program="sealpointd")),
                         options | {"--"})
        self.assertIn("uname", self.offers("--", "unam",
                                           program="sealpointd"))


if __name__ == "__main__":
    unittest.main()
