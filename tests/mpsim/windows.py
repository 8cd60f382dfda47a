"""Windows authentication as IIS asks for it: 401 with Negotiate and NTLM,
until a token proves somebody, who then is the connection's user. The tokens
are judged by ntlm.py and kerberos.py.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

import kerberos
import ntlm
from checks import Malformed
from reply import Reply, page

if TYPE_CHECKING:
    from point import Exchange

TOKEN_MAX = 65536  # base64 of a ticket with many groups


@dataclass
class Windows:
    """Whether to ask, and whom to accept: with tickets and no account's
    user, tickets alone."""
    on: bool = False
    account: ntlm.Account = field(default_factory=ntlm.Account)
    tickets: Optional[kerberos.Tickets] = None

    def schemes(self) -> tuple[str, ...]:
        if self.tickets is not None and not self.account.user:
            return ("Negotiate",)
        return ("Negotiate", "NTLM")

    def challenge(self, ex: Exchange) -> Optional[Reply]:
        """A 401, or None once this connection is authenticated."""
        text = ex.request.get("Authorization")
        if not self.on or (text is None and ex.peer.user):
            ex.verdict.notes.update({"user": ex.peer.user} if self.on else {})
            return None
        ex.peer.user = ""
        ex.verdict.kind = "authentication"
        if text is None:
            return refusal(*self.schemes())
        scheme, _, text = text.partition(" ")
        offered = [name.lower() for name in self.schemes()]
        if not ex.verdict.check("windows.scheme", scheme.lower() in offered,
                                f"the scheme is {scheme!r}"):
            return refusal(*self.schemes())
        answer = self.step(ex, scheme, decoded(text))
        if answer is None:
            return refusal(*self.schemes())
        told = (scheme + " " + base64.b64encode(answer).decode()).strip()
        if not ex.peer.user:
            return refusal(told)
        if answer:
            ex.fields.append(("WWW-Authenticate", told))
        ex.verdict.notes["user"] = ex.peer.user
        ex.verdict.kind = "unknown"
        return None

    def step(self, ex: Exchange, scheme: str, token: bytes) -> Optional[bytes]:
        """Negotiate may carry a message of NTLM as it is."""
        if self.tickets is not None and scheme.lower() == "negotiate" and (
                not self.account.user or not token.startswith(ntlm.MARK)):
            return self.tickets.step(token, ex.peer, ex.verdict)
        return self.account.step(token, ex.peer, bool(ex.request.body),
                                 ex.verdict)


def decoded(text: str) -> bytes:
    if len(text) > TOKEN_MAX:
        raise Malformed("the Authorization field is too long")
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        return b""


def refusal(*challenges: str) -> Reply:
    reply = page(401)
    reply.fields = [("WWW-Authenticate", text) for text in challenges]
    return reply
