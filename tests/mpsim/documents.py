"""The documents that anyone may have: .sms_aut (wire facts 1.1, 6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import signature
import xmltext
from certificates import Pair
from reply import Reply, html

if TYPE_CHECKING:
    from point import Exchange

VERSION = "9128"
SSL_NATIVE, SSL_MIXED = "31", "0"
SECOND = "mp2.example.test"


def hexed(pair: Pair) -> str:
    return pair.der().hex().upper()


def endorsed(ex: Exchange, name: str, data: bytes) -> str:
    """Hex of data under the trusted root key's signature. What real sites
    sign is not known (wire facts 6.2); ours covers the bytes themselves."""
    value = signature.sign(ex.point.store.root.key, data)
    return xmltext.tag(name, {"Signature": value}, data.hex().upper())


def root_key(ex: Exchange) -> str:
    blob = signature.blob(ex.point.store.root.key.public_key())
    return endorsed(ex, "TRUSTEDROOTKEY", bytes.fromhex(blob))


def ssl_state(ex: Exchange) -> str:
    return SSL_NATIVE if ex.peer.tls else SSL_MIXED


def mp_list(ex: Exchange, as_child: bool) -> str:
    """FQDN is an attribute on live servers, an element in the SDK's schema
    (wire facts 12, contradiction 5): both are served. Where uploads are
    encrypted to a second management point, it is listed."""
    rows = [("MP1", ex.point.called(ex.request))]
    if len(ex.point.pairs) > 1:
        rows.append(("MP2", SECOND))
    return xmltext.tag("MPList", {}, *(
        mp_row(ex, name, host, as_child) for name, host in rows))


def mp_row(ex: Exchange, name: str, host: str, as_child: bool) -> str:
    capabilities = xmltext.tag(
        "Capabilities", {"SchemaVersion": "1.0"},
        xmltext.tag("Property", {
            "Name": "SSLState",
            "Value": ssl_state(ex)}))
    inner = [xmltext.tag("Version", {}, VERSION), capabilities]
    attributes = {"Name": name, "SiteCode": ex.point.site}
    if as_child:
        inner.insert(0, xmltext.tag("FQDN", {}, xmltext.escape(host)))
    else:
        attributes["FQDN"] = host
    return xmltext.tag("MP", attributes, *inner)


def key_information(ex: Exchange) -> str:
    site = ex.point.site
    return xmltext.tag(
        "MPKEYINFORMATION", {},
        xmltext.tag("AssignmentSiteCode", {}, site),
        xmltext.tag("MACHINENAME", {}, "MP1"),
        xmltext.tag("FQDN", {}, xmltext.escape(ex.point.called(ex.request))),
        xmltext.tag("SITECODE", {}, site),
        endorsed(ex, "MPCERTIFICATE", ex.point.store.sign.der()),
        root_key(ex),
        xmltext.tag("UnknownMachines", {
            "x86UnknownMachineGUID": "5AD0C3F4-0000-4000-8000-000000000086",
            "x64UnknownMachineGUID": "5AD0C3F4-0000-4000-8000-000000000064",
        }, "MP1"))


def make(ex: Exchange, keyword: str) -> str:
    """The document of that keyword, "" if there is none."""
    store = ex.point.store
    if keyword in ("MPLIST", "MPLIST1", "MPLIST2"):
        return mp_list(ex, keyword == "MPLIST2")
    if keyword in ("MPKEYINFORMATION", "MPKEYINFORMATIONEX",
                   "MPKEYINFORMATIONMEDIA"):
        return key_information(ex)
    if keyword == "MPTRK":
        return xmltext.tag("KEYDATA", {}, root_key(ex))
    if keyword == "MPCERT":
        return xmltext.tag("MPCertificate", {}, xmltext.tag(
            "Certificate", {}, hexed(store.sign)))
    if keyword == "MPCERT2":
        return xmltext.tag(
            "MPCertificates", {},
            endorsed(ex, "Certificate1", store.sign.der()),
            endorsed(ex, "Certificate2", store.enc.der()))
    if keyword == "SITESIGNCERT":
        return xmltext.tag("X509Data", {}, xmltext.tag(
            "X509Certificate", {"EncodingType": "hexBinary"},
            hexed(store.site)))
    return ""


def answer(ex: Exchange) -> Reply:
    keyword, *arguments = ex.request.query.split("&")
    keyword = keyword.upper()
    known = make(ex, keyword)
    ex.verdict.check("get.keyword", bool(known),
                     f"no document is called {keyword!r}")
    ex.verdict.check("get.site", arguments in ([], [ex.point.site]),
                     f"arguments are {arguments}")
    if not known:
        return html(404, "404")
    mis = ex.point.misbehaviour
    data = mis.text("document", known).encode("utf-8")
    return Reply(200, "text/xml", mis.body("document", data, False),
                 what=keyword)
