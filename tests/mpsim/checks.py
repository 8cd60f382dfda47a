"""The verdict on one request: every check by name, every error in words.

A failed check is a finding, not a refusal; what a real management point
would refuse is raised as Malformed or Unbelieved by whoever finds it.
"""

from __future__ import annotations

import datetime
import json
import threading
from pathlib import Path
from typing import Any, Optional


ERRORS_MAX = 5  # sentences per check: an upload may fail one per instance


class Malformed(Exception):
    """Cannot be parsed: answered with 400."""


class TooLarge(Exception):
    """A body over the limit: answered with 413. unread is what the client
    is about to send all the same."""

    def __init__(self, why: str, unread: int = 0):
        super().__init__(why)
        self.unread = unread


class Unbelieved(Exception):
    """Unknown client or wrong signature: answered with 200 and no body (wire
    facts 1.5)."""


class Verdict:
    """Collects the checks of one request."""

    def __init__(self, method: str = "", path: str = ""):
        self.method = method
        self.path = path
        self.kind = "unknown"
        self.client_id: Optional[str] = None
        self.tls: Optional[dict[str, Any]] = None
        self.checks: dict[str, Optional[bool]] = {}
        self.errors: list[str] = []
        self.found: dict[str, int] = {}
        self.notes: dict[str, str] = {}
        self.answered: dict[str, Any] = {}

    def check(self, name: str, ok: Optional[bool], why: str = "") -> bool:
        """Records a check; None is "does not apply". Once false stays."""
        if ok is not None and not ok:
            self.checks[name] = False
            self.found[name] = self.found.get(name, 0) + 1
            if self.found[name] <= ERRORS_MAX:
                self.errors.append(f"{name}: {why or 'does not hold'}")
        elif self.checks.get(name) is None:
            self.checks[name] = ok if ok is None else True
        return bool(ok)

    def equal(self, name: str, got: object, wanted: object) -> bool:
        return self.check(name, got == wanted,
                          f"is {shorten(got)}, expected {shorten(wanted)}")

    def error(self, text: str) -> None:
        self.errors.append(text)

    def failed(self) -> list[str]:
        return [name for name, ok in self.checks.items() if ok is False]

    def line(self) -> str:
        now = datetime.datetime.now(datetime.timezone.utc)
        return json.dumps({
            "time": now.isoformat(timespec="milliseconds"),
            "method": self.method, "path": self.path, "kind": self.kind,
            "client_id": self.client_id, "tls": self.tls,
            "checks": self.checks, "errors": self.errors,
            "notes": self.notes, "answered": self.answered,
        }, ensure_ascii=True)


class Log:
    """The verdicts on disk, one JSON line each; threads may share it."""

    def __init__(self, path: Path):
        self.lock = threading.Lock()
        self.file = open(path, "a", encoding="ascii")

    def write(self, verdict: Verdict) -> None:
        with self.lock:
            self.file.write(verdict.line() + "\n")
            self.file.flush()

    def close(self) -> None:
        self.file.close()


def shorten(value: object, limit: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."
