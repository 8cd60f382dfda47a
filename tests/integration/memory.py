"""Looks for bytes in the memory of processes, as root does. Knows nothing of
what the bytes mean."""
import collections
import os
import pathlib
import re

CHUNK = 1 << 20

# Where something was found: its name, the mapping, and what the kernel says
# of that: "lo" is locked, "dd" is in no core file, "dc" in no child.
Found = collections.namedtuple("Found", "what place flags")


def maps(pid):
    """(begin, end, name, flags) of each mapping that can be read."""
    head = None
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        begins = re.match(
            r"([0-9a-f]+)-([0-9a-f]+) (r?).{3} \S+ \S+ \S+ *(.*)", line)
        if begins:
            head = (int(begins[1], 16), int(begins[2], 16), begins[4])
            readable = begins[3] and begins[4] not in ("[vvar]", "[vsyscall]")
        elif line.startswith("VmFlags:") and readable:
            yield (*head, line.split()[1:])


def pieces(memory, begin, end, overlap):
    """The bytes of a mapping; pages that cannot be read are passed over."""
    at, tail = begin, b""
    while at < end:
        try:
            data = os.pread(memory, min(CHUNK, end - at), at)
        except OSError:
            data = b""
        if data:
            yield tail + data
        tail = (tail + data)[-overlap:] if data else b""
        at += len(data) or 4096


def search(pid, secrets):
    """Where the secrets are, a dictionary of names and bytes: each mapping
    once for each name."""
    overlap = max(len(s) for s in secrets.values()) - 1
    found = []
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        for begin, end, name, flags in maps(pid):
            left = dict(secrets)
            for data in pieces(memory, begin, end, overlap):
                for what in [w for w, s in left.items() if s in data]:
                    found.append(Found(what, name or hex(begin), flags))
                    del left[what]
    finally:
        os.close(memory)
    return found


def spellings(name, secret):
    """A secret as programs write it."""
    made = {name: secret, f"{name} in hex": secret.hex().encode(),
            f"{name} in HEX": secret.hex().upper().encode()}
    if secret.isascii():
        made[f"{name} in UTF-16"] = secret.decode().encode("utf-16-le")
    return made
