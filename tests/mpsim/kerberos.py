"""Kerberos tickets within SPNEGO, as Negotiate carries them: verified by
GSS-API with the key of one service in a keytab. Wants Debian's
python3-gssapi, and only where it is asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from checks import Verdict
from request import Peer

# The tag of a first token, and within the length that follows it, SPNEGO.
FIRST, SPNEGO = 0x60, bytes.fromhex("06062b0601050502")


class Tickets:
    """Accepts tickets for one service: "HTTP/localhost@EXAMPLE.TEST"."""

    def __init__(self, keytab: Path, service: str):
        try:
            import gssapi
        except ImportError:
            raise ValueError("--keytab needs Debian's python3-gssapi"
                             ) from None
        self.gssapi = gssapi
        try:
            self.credentials = gssapi.Credentials(
                name=gssapi.Name(service,
                                 gssapi.NameType.kerberos_principal),
                usage="accept",
                store={"keytab": str(keytab),
                       "rcache": f"file2:{keytab}.replays"})
            gssapi.raw.set_neg_mechs(self.credentials,
                                     [gssapi.MechType.kerberos])
        except gssapi.exceptions.GSSError as error:
            raise ValueError(f"--keytab {keytab}: {said(error)}") from None

    def step(self, token: bytes, peer: Peer,
             verdict: Verdict) -> Optional[bytes]:
        """What to answer; None if the token is not believed. Sets the peer's
        user once it is."""
        context, peer.context = peer.context, None
        if not token:  # GSS-API would begin by itself
            verdict.check("negotiate.ticket", False, "there is no token")
            return None
        if context is None:
            verdict.check("negotiate.spnego", token[:1] == bytes([FIRST])
                          and token.find(SPNEGO) in (2, 3, 4, 5),
                          "the first token is not of SPNEGO")
            context = self.gssapi.SecurityContext(creds=self.credentials,
                                                  usage="accept")
        try:
            answer = context.step(token) or b""
            complete = context.complete  # raises what step() put off
        except self.gssapi.exceptions.GSSError as error:
            verdict.check("negotiate.ticket", False, said(error))
            return None
        if not complete:
            peer.context = context
            return answer
        verdict.check("negotiate.ticket", True)
        self.judge(context, verdict)
        peer.user = str(context.initiator_name)
        return answer

    def judge(self, context: Any, verdict: Verdict) -> None:
        """What the client asked for."""
        flags = self.gssapi.RequirementFlag
        verdict.check("negotiate.mutual", bool(
            context.actual_flags & flags.mutual_authentication),
            "the client did not ask who we are")
        verdict.check("negotiate.no_delegation", not (
            context.actual_flags & flags.delegate_to_peer),
            "the client gave its own ticket away")


def said(error: Exception) -> str:
    """In one line."""
    return " ".join(str(error).split())
