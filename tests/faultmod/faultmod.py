"""The faulty module (faultmod.h), commanded from Python.

    module = faultmod.Faultmod(directory, real="/usr/lib/.../libsofthsm2.so")
    configuration: module = {module.path}
    with module.fault("C_Sign", "CKR_DEVICE_ERROR"):
        ...                      # every C_Sign fails
    module.arm("C_Sign", faultmod.HANG)
    module.disarm()
    module.drop_sessions(), module.remove(), module.insert()
    module.calls["C_Login"], module.logins_right, module.logins_wrong

Every change acts on the next call, in every process that has the module
loaded; nothing is buffered. Knows nothing of the agent.
"""
import contextlib
import mmap
import pathlib
import re
import shutil
import struct
import time

HERE = pathlib.Path(__file__).resolve().parent
MAGIC = 0x31646F6D746C7561
CALLS, RULES, ATTRS, READERS, TOKENS, NAME, PATH = 68, 16, 8, 4, 4, 32, 512
ANY, ALWAYS = 255, 2 ** 64 - 1
FAIL, LOSE, DELAY, HANG, SIGNAL, LENGTH = range(1, 7)
MISSING, SENSITIVE, VALUE, SIZE = range(1, 5)
EVENTS_FORWARD, EVENTS_NONE, EVENTS_OURS = range(3)

RULE = ("armed", "function", "action", "value", "delay_us", "skip", "times",
        "seen", "done")
ATTR = ("lie", "type", "value")
READER = ("id", "token")
# The page: names, and how many numbers each has, as struct faultmod does.
FIELDS = (
    ("magic", 1), ("size", 1), ("calls", CALLS), ("obeyed", CALLS),
    ("logins_right", 1), ("logins_wrong", 1), ("logins_context", 1),
    ("sessions", 1), ("sessions_peak", 1), ("drops", 1), ("pid", 1),
    ("rules", RULES * len(RULE)), ("attrs", ATTRS * len(ATTR)),
    ("drop", 1), ("absent", 1), ("gone", 1), ("renumber", 1),
    ("session_shift", 1), ("object_shift", 1), ("nreaders", 1),
    ("readers", READERS * len(READER)), ("flags_on", 1), ("flags_off", 1),
    ("serial", 1), ("sessions_said", 1), ("limited", 1), ("sessions_max", 1),
    ("sessions_taken", 1), ("tries_max", 1), ("tries_used", 1),
    ("slot_events", 1), ("events", 1), ("event_slot", 1),
    ("brittle", 1))
PLACES, _at = {}, 0
for _name, _count in FIELDS:
    PLACES[_name] = _at
    _at += _count
WORDS = _at
PAD = WORDS * 8
TOKEN_NAMES = PAD + NAME
MODULE = TOKEN_NAMES + TOKENS * NAME
PAGE = MODULE + PATH
SINGLE = {name for name, count in FIELDS if count == 1}


def functions():
    """All names, in the order of CK_FUNCTION_LIST."""
    text = (HERE / "functions.h").read_text()
    return ["C_" + name for name in re.findall(r"\bX\((\w+)\)", text)]


FUNCTIONS = functions()


def constants(header="/usr/include/p11-kit-1/p11-kit/pkcs11.h"):
    """CKR_... and CKF_... and CKA_... by name."""
    found = {}
    text = pathlib.Path(header).read_text(encoding="utf-8")
    for name, shift, number in re.findall(
            r"#define\s+(CK[RFA]_\w+)\s+\(?(1UL\s*<<\s*)?(0x[0-9a-fA-F]+|\d+)",
            text):
        value = int(number, 0)
        found[name] = 1 << value if shift else value
    return found


CK = constants()


def number(what):
    """CKR_..., a function's name or a number, as a number below 2^64."""
    if isinstance(what, str):
        what = FUNCTIONS.index(what) if what in FUNCTIONS else CK[what]
    return what % 2 ** 64


class Counts:
    """One number for each function, by its name."""

    def __init__(self, words, first):
        self.words, self.first = words, first

    def __getitem__(self, name):
        return self.words[self.first + FUNCTIONS.index(name)]

    def all(self):
        """Of those that are not 0."""
        return {name: self[name] for name in FUNCTIONS if self[name]}


class Faultmod:
    """A copy of the module and its page. Single numbers of the page are
    attributes of this object: module.limited = 1."""

    def __init__(self, directory, real, build, name="faultmod.so"):
        self.path = pathlib.Path(directory) / name
        built = next(pathlib.Path(build).rglob("faultmod.so"))
        shutil.copy(built, self.path)
        self.page = pathlib.Path(f"{self.path}.page")
        content = bytearray(PAGE)
        struct.pack_into("=QQ", content, 0, MAGIC, PAGE)
        real = str(real).encode()
        content[MODULE:MODULE + len(real)] = real
        self.page.write_bytes(content)
        with open(self.page, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), PAGE)
        self.view = memoryview(self.memory)
        self.words = self.view[:WORDS * 8].cast("Q")
        self.calls = Counts(self.words, PLACES["calls"])
        self.obeyed = Counts(self.words, PLACES["obeyed"])
        self.armings = 0

    def close(self):
        self.words.release()
        self.view.release()
        self.memory.close()

    def __getattr__(self, name):
        if name not in SINGLE:
            raise AttributeError(name)
        return self.words[PLACES[name]]

    def __setattr__(self, name, value):
        if name in SINGLE:
            self.words[PLACES[name]] = number(value)
        else:
            super().__setattr__(name, value)

    # Rules

    def arm(self, function, action=FAIL, value=0, *, delay=0, skip=0,
            times=ALWAYS):
        """Of the calls of that function (None: of all), after `skip` more,
        the next `times` obey. `delay` counts seconds, before it acts. The
        rule's number."""
        for rule in range(RULES):
            at = PLACES["rules"] + rule * len(RULE)
            if not self.words[at]:
                break
        else:
            raise AssertionError("no free rule")
        self.armings += 1
        which = ANY if function is None else number(function)
        for offset, word in enumerate(
                (which, action, number(value), int(delay * 1e6), skip, times,
                 0, 0), 1):
            self.words[at + offset] = word
        self.words[at] = self.armings
        return rule

    def rule(self, which, field):
        return self.words[
            PLACES["rules"] + which * len(RULE) + RULE.index(field)]

    def disarm(self, which=None):
        """One rule, or all: hanging calls go on."""
        for rule in range(RULES) if which is None else [which]:
            self.words[PLACES["rules"] + rule * len(RULE)] = 0

    @contextlib.contextmanager
    def fault(self, function, value=0, action=FAIL, **options):
        """A rule while the block runs."""
        rule = self.arm(function, action, value, **options)
        try:
            yield rule
        finally:
            self.disarm(rule)

    def lie(self, kind, attribute, value=0):
        """What C_GetAttributeValue says of one type; kind 0 ends it."""
        attribute = number(attribute)
        for place in range(ATTRS):
            at = PLACES["attrs"] + place * len(ATTR)
            if not self.words[at] or self.words[at + 1] == attribute:
                break
        else:
            raise AssertionError("no free lie")
        self.words[at] = 0
        self.words[at + 1] = attribute
        self.words[at + 2] = number(value)
        self.words[at] = kind

    # Sessions, slots and tokens

    def drop_sessions(self):
        """All sessions and the login are gone."""
        self.drop += 1

    def handles(self, sessions, objects):
        """Other numbers for the same things from now on; the old ones name
        nothing, or something else."""
        self.session_shift, self.object_shift = sessions, objects
        self.renumber += 1

    def moved(self, slot):
        self.event_slot = slot
        self.events += 1

    def remove(self, slot=0):
        """Pulls every token; with readers() use insert(None, ...)."""
        self.absent = 1
        self.drop += 1
        self.moved(slot)

    def put_back(self, slot=0):
        self.absent = 0
        self.moved(slot)

    @contextlib.contextmanager
    def removed(self, seconds=None):
        self.remove()
        try:
            if seconds is not None:
                time.sleep(seconds)
            yield self
        finally:
            self.put_back()

    def readers(self, *readers):
        """Slots in place of the real ones: pairs of a slot number and the
        label or serial of the token in it, or None."""
        self.nreaders = 0
        for place, (slot, token) in enumerate(readers):
            at = PLACES["readers"] + place * len(READER)
            self.words[at] = slot
            self.words[at + 1] = self.token(token)
        self.drop += 1
        self.nreaders = len(readers)

    def token(self, name):
        if name is None:
            return 0
        raw = name.encode()
        for place in range(TOKENS):
            at = TOKEN_NAMES + place * NAME
            have = bytes(self.view[at:at + NAME]).rstrip(b"\0")
            if have in (b"", raw):
                self.view[at:at + NAME] = raw.ljust(NAME, b"\0")
                return place + 1
        raise AssertionError("no room for the name of another token")

    def insert(self, token, slot):
        """Into the reader with that slot number, out of all others; None
        empties it."""
        which = self.token(token)
        for place in range(self.nreaders):
            at = PLACES["readers"] + place * len(READER)
            if self.words[at] == slot or self.words[at + 1] == which:
                self.words[at + 1] = 0
        self.drop += 1
        for place in range(self.nreaders):
            at = PLACES["readers"] + place * len(READER)
            if self.words[at] == slot:
                self.words[at + 1] = which
        self.moved(slot)

    def type_on_pad(self, pin):
        """What a C_Login without a PIN finds typed."""
        self.view[PAD:PAD + NAME] = pin.encode().ljust(NAME, b"\0")
