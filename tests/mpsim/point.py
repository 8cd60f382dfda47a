"""The management point itself: a request in, a reply and a verdict out. No
socket, no clock of its own; the server and the tests call the same answer().
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Optional, Sequence

import assignments
import bits
import documents
import framing
import fsp
import location
import message
import payload
import policy
import registration
import upload
import windows
import xmltext
from certificates import LOCAL, Pair, Store
from checks import Malformed, Unbelieved, Verdict
from clients import Registry
from misbehave import Misbehaviour
from reply import Reply, Seal, html, page, sealed
from request import Peer, Request

# Messages may be posted to these, and policies fetched from those; which one
# decides approval only (wire facts 1.1, 4.1), and how HTTP authenticates:
# plainly, by Windows, or not at all, with TLS on our side alone.
POST_PATHS = ("/ccm_system/request", "/ccm_system_windowsauth/request",
              "/ccm_system_altauth/request")
POLICY_PATHS = ("/sms_mp/.sms_pol", "/sms_mp_windowsauth/.sms_pol",
                "/sms_mp_altauth/.sms_pol")
DOCUMENT_PATHS = ("/sms_mp/.sms_aut",)
WINDOWS_PATHS = (POST_PATHS[1], POLICY_PATHS[1])
ALTERNATE_PATHS = (POST_PATHS[2], POLICY_PATHS[2])
FSP_PATH = "/sms_fsp/.sms_fsp"
REDIRECTED = "/redirected"
# How replies are signed: digest, signed attributes, embedded certificate.
# All of these are accepted by the vendor's client (wire facts 6.3, item 6).
FORMS = {"attributes": ("sha256", True, True),
         "attributes-only": ("sha256", True, False),
         "bare": ("sha256", False, False),
         "sha1": ("sha1", True, True)}
Answer = Callable[["Exchange"], Optional[str]]
# endpoint, in any case: (kind, what answers it). An upload's kind is found
# out by upload.py.
ENDPOINTS: dict[str, tuple[str, Answer]] = {
    "mp_clientregistration": ("registration", registration.answer),
    "mp_policymanager": ("assignments", assignments.answer),
    "mp_locationmanager": ("location", location.answer),
    **{name: ("upload", upload.answer)
       for name in (*upload.READERS, upload.RELAY, upload.STATUS)},
}


@dataclass
class Exchange:
    """One request on its way through the kinds."""
    point: Point
    request: Request
    peer: Peer
    verdict: Verdict
    message: message.Message = field(init=False)
    payload: payload.Payload = field(init=False)
    # Of the reply, if it is a good one.
    fields: list[tuple[str, str]] = field(default_factory=list)

    @property
    def alternate(self) -> bool:
        """Came to a URL of alternate authentication."""
        return self.request.path in ALTERNATE_PATHS


@dataclass
class Point:
    store: Store
    registry: Registry
    site: str = "PRI"
    pending: int = 0
    reject: bool = False
    form: str = "varied"
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)
    pairs: Sequence[Pair] = ()     # uploads are encrypted to all of these
    state_signing: str = "documented"
    windows: windows.Windows = field(default_factory=windows.Windows)
    alternate: bool = False        # has URLs without a client certificate
    policies: Sequence[policy.Policy] = policy.CATALOGUE

    def called(self, request: Request) -> str:
        """The host that the client called, if it is one of ours."""
        host = request.host().lower()
        ours = [name.lower() for name in self.store.hosts]
        return host if host in ours else LOCAL[0]

    def seal(self, request: Request, kind: str, what: str) -> Seal:
        """An honest seal, then what misbehaviour makes of it."""
        form = self.form
        if form == "varied":
            form = {"registration": "attributes", "confirmation":
                    "attributes-only"}.get(what, "bare")
        digest, attributes, embed = FORMS[form]
        seal = Seal(self.store.sign, self.site,
                    f"MP1;{self.called(request)};", digest, attributes,
                    embed)
        self.misbehaviour.seal(kind, seal, "MP1 SMS signing")
        return seal

    def answer(self, request: Request,
               peer: Peer) -> tuple[Reply, Verdict]:
        """The verdict is complete and may be written before the reply is
        sent."""
        verdict = Verdict(request.method, request.target)
        verdict.tls = peer.described()
        ex = Exchange(self, request, peer, verdict)
        try:
            reply = route(ex)
        except Malformed as error:
            verdict.check("well_formed", False, str(error))
            reply = html(400, "400")
        except Unbelieved as error:
            verdict.notes["refused"] = str(error)
            reply = Reply(what="empty")
        kind = ("registration" if verdict.kind == "confirmation"
                else verdict.kind)
        modes = self.misbehaviour.active(kind)
        if modes:
            verdict.notes["misbehaviour"] = ",".join(modes)
            reply = self.misbehaviour.reply(kind, reply)
        reply.fields += ex.fields
        verdict.answered = {"status": reply.status, "what": reply.what,
                            "length": len(reply.body)}
        return reply, verdict


def admit(ex: Exchange) -> Optional[Reply]:
    """Whether TLS and HTTP let this client in; a refusal if not."""
    path, peer, verdict = ex.request.path, ex.peer, ex.verdict
    if ex.alternate:
        there = ex.point.alternate and peer.tls
        if not verdict.check("alternate.there", there, "this management "
                             "point has no URLs of alternate authentication"):
            return page(404)
        verdict.check("alternate.no_certificate", peer.certificate is None,
                      "alternate authentication has no client certificate")
        return None
    if peer.tls and path != FSP_PATH and not verdict.check(
            "tls.client_certificate", peer.certificate is not None,
            "this URL wants a client certificate"):
        return page(403)
    return ex.point.windows.challenge(ex) if path in WINDOWS_PATHS else None


def route(ex: Exchange) -> Reply:
    request, verdict = ex.request, ex.verdict
    gets = {**dict.fromkeys(DOCUMENT_PATHS, ("document", documents.answer)),
            **dict.fromkeys(POLICY_PATHS, ("policy", policy.answer))}
    refusal = admit(ex)
    if refusal is not None:
        return refusal
    if request.path in POST_PATHS:
        if not check_method(ex, "CCM_POST"):
            return html(405, "405")
        return post(ex)
    if request.path in gets:
        verdict.kind, kind_answer = gets[request.path]
        if not check_method(ex, "GET"):
            return html(405, "405")
        framing.check_get(request, verdict)
        return kind_answer(ex)
    if request.path == FSP_PATH:
        verdict.kind = "fsp"
        if not check_method(ex, "POST"):
            return html(405, "405")
        return fsp.answer(ex)
    if request.path == REDIRECTED:
        verdict.kind = "redirected"
    verdict.check("http.path", False, f"nothing is at {request.path!r}")
    return html(404, "404")


def check_method(ex: Exchange, wanted: str) -> bool:
    ex.verdict.check("http.path", True)
    return ex.verdict.equal("http.method", ex.request.method, wanted)


def post(ex: Exchange) -> Reply:
    """A message: framing, envelope, payload, then its kind."""
    request, verdict = ex.request, ex.verdict
    framing.check_post(request, verdict)
    parts = framing.split(request, verdict)
    if len(parts) == 1:
        verdict.kind = "upload-request"
        verdict.equal("framing.text_part", parts[0].head, framing.TEXT_PART)
        return bits.answer(ex, single_text(parts[0].content, verdict))
    framing.check_parts(parts, verdict)
    ex.message = message.parse(parts[0].content, verdict)
    message.check_target(ex.message, request.host(), verdict)
    kind, kind_answer = ENDPOINTS.get(ex.message.endpoint.lower(),
                                      ("unknown", None))
    verdict.kind = kind
    if not verdict.check("msg.target_endpoint", kind_answer is not None,
                         f"no endpoint is called {ex.message.endpoint!r}"):
        return Reply(what="empty")
    assert kind_answer is not None
    ex.payload = payload.open_payload(ex.message, parts[1].content,
                                      ex.point.pairs, verdict)
    if kind != "upload":
        verdict.check("payload.encryption_allowed", ex.message.hook(
            "encrypt") is None, "this kind of message is not encrypted")
    xml = kind_answer(ex)
    if xml is None:
        return Reply(what="empty")
    return message_reply(ex, kind, xml)


def message_reply(ex: Exchange, kind: str, xml: str) -> Reply:
    mis = ex.point.misbehaviour
    spoilt = mis.text(kind, xml)
    seal = ex.point.seal(ex.request, kind, ex.verdict.kind)
    reply = sealed(ex.message, spoilt, seal, mis.payload(kind, xml))
    reply.what = xmltext.first_tag(spoilt)
    return reply


def single_text(content: memoryview, verdict: Verdict) -> str:
    text = xmltext.decode(content, "the single part")
    verdict.check("msg.bom", text.startswith(xmltext.BOM),
                  "the part must begin with FF FE")
    verdict.check("msg.no_nul", "\0" not in text, "the part has a NUL")
    return text.removeprefix(xmltext.BOM).rstrip("\0")
