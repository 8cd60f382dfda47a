"""Location requests (SDK facts 4.5, wire facts 8.5): unsigned questions,
checked here; places.py answers them.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Callable, Optional, Sequence

import auth
import places
import xmltext
from checks import Malformed, Verdict
from message import GUID

if TYPE_CHECKING:
    from point import Exchange

SITE = re.compile(r"\A[A-Za-z0-9]{3}\Z")
PACKAGE = re.compile(r"\A[A-Z0-9]{3}[0-9A-F]{5}\Z|\A[\w{}.:-]{9,80}\Z")
# Elements that later clients add to ClientLocationInfo.
LATER = {"Forest", "Domain", "Adapters", "BoundaryGroups", "DPTokenAuth"}
FLAGS = re.compile(r"\A(Allow|Use|Distribute|BranchDP|On)\w+\Z")


def check_site(verdict: Verdict, element: Optional[xmltext.Element],
               name: str) -> str:
    """An element that names a site; returns the code."""
    code = element.get(name) or "" if element is not None else ""
    verdict.check("location.site", bool(SITE.match(code)),
                  f"the site code is {code!r}")
    return code


def check_children(verdict: Verdict, root: xmltext.Element,
                   once: Sequence[str], many: Sequence[str] = (),
                   optional: Sequence[str] = ()) -> None:
    have = xmltext.names(root)
    trouble = [name for name in once if have.count(name) != 1]
    trouble += [name for name in many if name not in have]
    trouble += [name for name in optional if have.count(name) > 1]
    odd = set(have) - set(once) - set(many) - set(optional)
    verdict.check("location.children", not trouble and not odd,
                  f"{root.tag} holds {have}")


def check_client(verdict: Verdict, info: Optional[xmltext.Element]) -> None:
    """ClientLocationInfo: where the client is."""
    if info is None:
        return
    have = xmltext.names(info)
    verdict.check("location.client", have.count("IPAddresses") == 1
                  and not set(have) - {"ADSite", "IPAddresses"} - LATER,
                  f"ClientLocationInfo holds {have}")
    for name, value in info.attrib.items():
        good = (bool(value) if name == "LocationType"
                else bool(FLAGS.match(name)) and value.isdecimal())
        verdict.check("location.flags", good, f"{name} is {value!r}")
    for site in info.findall("ADSite"):
        verdict.check("location.ad_site", set(site.attrib) <= {"Name"},
                      f"attributes of ADSite are {site.attrib}")
    for address in info.findall("IPAddresses/*"):
        verdict.check("location.address", address.tag == "IPAddress"
                      and set(address.attrib) == {"Address", "SubnetAddress"}
                      and all(map(is_address, address.attrib.values())),
                      f"IPAddresses holds {address.tag} {address.attrib}")


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def assigned_site(ex: Exchange, root: xmltext.Element) -> str:
    check_children(ex.verdict, root, (), (), ("ClientLocationInfo",))
    check_client(ex.verdict, root.find("ClientLocationInfo"))
    return places.assigned_site(ex)


def site_information(ex: Exchange, root: xmltext.Element) -> str:
    check_children(ex.verdict, root, ("SiteCode",))
    code = check_site(ex.verdict, root.find("SiteCode"), "Name")
    return places.site_information(ex, code)


def content(ex: Exchange, root: xmltext.Element) -> str:
    check_children(ex.verdict, root, ("AssignedSite", "ClientLocationInfo"),
                   ("Package",))
    check_site(ex.verdict, root.find("AssignedSite"), "SiteCode")
    check_client(ex.verdict, root.find("ClientLocationInfo"))
    packages = root.findall("Package")
    for package in packages:
        name, version = package.get("ID") or "", package.get("Version") or ""
        ex.verdict.check("location.package", bool(PACKAGE.match(name))
                         and version.isdecimal(),
                         f"Package is {package.attrib}")
    names = [package.get("ID") or "" for package in packages]
    return places.content(ex, names)


def wsus(ex: Exchange, root: xmltext.Element) -> str:
    check_children(ex.verdict, root,
                   ("Content", "AssignedSite", "ClientLocationInfo"))
    check_site(ex.verdict, root.find("AssignedSite"), "SiteCode")
    check_client(ex.verdict, root.find("ClientLocationInfo"))
    asked = root.find("Content")
    attributes = asked.attrib if asked is not None else {}
    version = attributes.get("Version", "")
    ex.verdict.check("location.content", set(attributes) == {"ID", "Version"}
                     and bool(GUID.match(attributes["ID"].upper()))
                     and version.isdecimal() and len(version) < 10,
                     f"Content is {attributes}")
    return places.wsus(ex, int(version) if version.isdecimal()
                       and len(version) < 10 else 0)


def local_mp(ex: Exchange, root: xmltext.Element) -> str:
    check_children(ex.verdict, root, ("AssignedSite", "ClientLocationInfo"))
    check_site(ex.verdict, root.find("AssignedSite"), "SiteCode")
    check_client(ex.verdict, root.find("ClientLocationInfo"))
    return places.local_mp(ex)


Answer = Callable[["Exchange", xmltext.Element], str]
# root element: (SchemaVersions, more attributes, what answers). Content and
# local MP are documented as 1.0, and seen as 1.00 (SDK facts 7, 10).
REQUESTS: dict[str, tuple[tuple[str, ...], set[str], Answer]] = {
    "AssignedSiteRequest": (("1.00",), set(), assigned_site),
    "SiteInformationRequest": (("1.00",), set(), site_information),
    "ContentLocationRequest": (("1.0", "1.00"), {"BGRVersion",
                                                 "ExcludeFileList"},
                               content),
    "WSUSLocationRequest": (("1.00",), set(), wsus),
    "LocalMPLocationRequest": (("1.0", "1.00"), set(), local_mp),
}


def answer(ex: Exchange) -> str:
    auth.check_unsigned(ex.message, ex.verdict)
    ex.verdict.equal("msg.reply_mode", ex.message.get("ReplyMode"), "Sync")
    root = xmltext.parse(ex.payload.body, "the location request")
    if root.tag not in REQUESTS:
        raise Malformed(f"the body is {root.tag}, no location request")
    versions, more, reply = REQUESTS[root.tag]
    ex.verdict.check("location.schema", root.get("SchemaVersion") in versions,
                     f"SchemaVersion is {root.get('SchemaVersion')!r}")
    ex.verdict.check("location.attributes", not set(root.attrib)
                     - {"SchemaVersion"} - more,
                     f"attributes of {root.tag} are {root.attrib}")
    ex.verdict.notes["request"] = root.tag
    return reply(ex, root)
