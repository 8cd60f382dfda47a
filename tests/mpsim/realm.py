"""A throw-away Kerberos realm for tests: Debian's krb5kdc, unprivileged, on a
free port of this machine, with configuration and database in a directory.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

NAME = "EXAMPLE.TEST"
SERVICE = "HTTP/localhost"
OTHER = "HTTP/127.0.0.1"
USER = "joe"
START_S = 20
# A ticket counts for as long after its end.
SKEW_S = 4

# Nothing of DNS, and nothing of the system's own realm.
CLIENTS = """[libdefaults]
\tdefault_realm = {name}
\tclockskew = {skew}
\tdns_lookup_kdc = false
\tdns_lookup_realm = false
\tdns_canonicalize_hostname = false
\trdns = false
\tudp_preference_limit = 1
[realms]
\t{name} = {{
\t\tkdc = 127.0.0.1:{port}
\t}}
[domain_realm]
\tlocalhost = {name}
\t127.0.0.1 = {name}
"""
KDC = """[kdcdefaults]
\tkdc_listen = ""
\tkdc_tcp_listen = 127.0.0.1:{port}
[realms]
\t{name} = {{
\t\tdatabase_name = {dir}/principal
\t\tkey_stash_file = {dir}/stash
\t\tacl_file = {dir}/acl
\t\tsupported_enctypes = aes256-cts-hmac-sha1-96:normal
\t}}
[logging]
\tkdc = FILE:{dir}/kdc.log
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


class Realm:
    """One user, who has a keytab instead of a password; two services, whose
    keys are in service.keytab."""

    def __init__(self, directory: Path):
        self.dir = directory
        self.keytab = directory / "service.keytab"
        self.user_keytab = directory / "user.keytab"
        self.service = f"{SERVICE}@{NAME}"
        self.user = f"{USER}@{NAME}"
        self.port = free_port()
        for name, text in (("krb5.conf", CLIENTS), ("kdc.conf", KDC)):
            (directory / name).write_text(text.format(
                name=NAME, port=self.port, dir=directory, skew=SKEW_S),
                encoding="ascii")
        self.run("/usr/sbin/kdb5_util", "create", "-s", "-P", "throw-away",
                 "-r", NAME)
        self.run("/usr/sbin/kadmin.local", "-r", NAME, text="".join(
            f"addprinc -randkey {who}\n" for who in (USER, SERVICE, OTHER))
            + f"ktadd -k {self.user_keytab} {USER}\n"
            f"ktadd -k {self.keytab} {SERVICE} {OTHER}\n")
        self.child = subprocess.Popen(
            ["/usr/sbin/krb5kdc", "-n", "-r", NAME, "-P", directory / "pid"],
            env={**os.environ, **self.environment()},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.wait()

    def environment(self, cache: str = "tickets") -> dict[str, str]:
        """For programs that are to live in this realm."""
        return {"KRB5_CONFIG": str(self.dir / "krb5.conf"),
                "KRB5_KDC_PROFILE": str(self.dir / "kdc.conf"),
                "KRB5CCNAME": f"FILE:{self.dir / cache}"}

    def run(self, *command: object, text: str = "",
            cache: str = "tickets") -> None:
        done = subprocess.run(
            [str(word) for word in command], input=text, timeout=60,
            capture_output=True, text=True, check=False,
            env={**os.environ, **self.environment(cache)})
        if done.returncode:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")

    def wait(self) -> None:
        end = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > end or self.child.poll() is not None:
                    self.end()
                    raise AssertionError("the KDC does not start") from None
                time.sleep(0.02)

    def log_in(self, cache: str = "tickets", life: str = "1h") -> None:
        """Gets the user's ticket, which may be given away."""
        self.run("/usr/bin/kinit", "-f", "-l", life, "-k", "-t",
                 self.user_keytab, USER, cache=cache)

    def end(self) -> None:
        self.child.terminate()
        self.child.wait(20)
