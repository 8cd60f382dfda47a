"""The files that lints look at.

In a checkout: what git tracks or would track. Elsewhere (a source archive,
the self-test's planted trees): every file outside build folders. Knows
nothing of what a file means.
"""
import argparse
import os
import subprocess
import sys

SKIP = {".git", "build", "__pycache__", ".cache"}


def _walked(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIP)
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


def files(root):
    """Paths relative to root, sorted; only those that exist."""
    if os.path.exists(os.path.join(root, ".git")):
        out = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            check=True, capture_output=True).stdout.decode()
        names = set(out.split("\0")) - {""}
    else:
        names = set(_walked(root))
    return sorted(n for n in names if os.path.isfile(os.path.join(root, n)))


def sources(root, suffixes=(".c", ".h")):
    return [n for n in files(root) if n.endswith(suffixes)]


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8",
              errors="replace") as f:
        return f.read()


def run(check):
    """Runs check(root), which yields complaints; the exit status tells."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    root = os.path.realpath(parser.parse_args().root)
    found = 0
    for complaint in check(root):
        print(complaint)
        found += 1
    if found:
        print(f"{found} found", file=sys.stderr)
    sys.exit(1 if found else 0)
