"""Answers to location requests: the documented schemas (SDK facts 4.5), with
the elements that later sites add, which a client must pass over. For the
assigned site and site information only the names of the requests are on
record; the form of their replies is this program's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

import documents
from xmltext import escape, tag

if TYPE_CHECKING:
    from point import Exchange

VERSION = "5.00.9128.1000"
AD_SITE = "R&D-Site"
WSUS_VERSION = 38
REMOTE = "S02"
# Nobody knows this element, today.
UNKNOWN = tag("FutureHints", {"Level": "2"}, tag("Hint", {}, "a &lt; b"))


def assigned_site(ex: Exchange) -> str:
    return tag("AssignedSiteReply", {"SchemaVersion": "1.00"}, UNKNOWN,
               tag("Site", {"SiteCode": ex.point.site,
                            "MasterSiteCode": ex.point.site,
                            "Version": VERSION}))


def site_information(ex: Exchange, code: str) -> str:
    """Nothing about sites that are not this one."""
    inner = [UNKNOWN]
    if code.upper() == ex.point.site.upper():
        inner.append(tag("SiteInformation", {
            "SiteCode": ex.point.site, "MasterSiteCode": ex.point.site,
            "Version": VERSION},
            tag("Capabilities", {"SchemaVersion": "1.0"},
                tag("Property", {"Name": "SSLState",
                                 "Value": documents.ssl_state(ex)}))))
    return tag("SiteInformationReply", {"SchemaVersion": "1.00"}, *inner)


def record(ex: Exchange, package: str, locality: str) -> str:
    """One distribution point that has a package."""
    host = escape(ex.point.called(ex.request))
    share = f"SMS_DP_SMSPKG$/{package}"
    return tag(
        "LocationRecord", {},
        tag("SMBPath", {}, f"\\\\{host}\\SMSPKGC$\\{package}\\"),
        tag("URL", {"Name": f"http://{host}/{share}/",
                    "Signature": f"http://{host}/{share}.1.tar"}),
        tag("ADSite", {"Name": AD_SITE}),
        tag("IPSubnets", {}, tag("IPSubnet", {"Address": "192.168.10.0"}),
            tag("IPSubnet", {"Address": ""})),
        tag("Metric", {"Value": ""}), tag("Version", {}, "9128"),
        tag("Capabilities", {"SchemaVersion": "1.0"},
            tag("Property", {"Name": "SSLState",
                             "Value": documents.ssl_state(ex)})),
        tag("ServerRemoteName", {}, host), tag("DPType", {}, "SERVER"),
        tag("Windows", {"Trust": "1"}), tag("Locality", {}, locality),
        UNKNOWN)


def content(ex: Exchange, packages: Sequence[str]) -> str:
    """A local and a remote site per package of ours; none for others'."""
    site = ex.point.site
    rows = []
    for package in packages:
        if not package.startswith(site):
            continue
        for code, locality in ((site, "Local"), (REMOTE, "Remote")):
            rows.append(tag(
                "Site", {}, tag("MPSite", {
                    "SiteCode": code, "MasterSiteCode": site,
                    "SiteLocality": locality, "IISPreferedPort": "80",
                    "IISSSLPreferedPort": "443"}),
                tag("LocationRecords", {}, record(ex, escape(package),
                                                  locality.upper()))))
    return tag(
        "ContentLocationReply", {"SchemaVersion": "1.00"},
        tag("BoundaryGroups", {}, tag("BoundaryGroup", {"GroupID": "7"})),
        tag("ContentInfo", {"PackageFlags": "0"},
            tag("ContentHashValues", {})),
        tag("Sites", {}, *rows), tag("RelatedContentIDs", {}))


def wsus(ex: Exchange, version: int) -> str:
    """Version must be at least the one that was asked for."""
    host = ex.point.called(ex.request)
    number = str(max(version, WSUS_VERSION))
    return tag(
        "WSUSLocationReply", {"SchemaVersion": "1.00"},
        tag("Sites", {}, tag(
            "Site", {}, tag("MPSite", {"SiteCode": ex.point.site}),
            tag("LocationRecords", {},
                tag("LocationRecord", {
                    "WSUSURL": f"http://{host}:8530", "ServerName": "MP1",
                    "Version": number}),
                tag("LocationRecord", {
                    "WSUSURL": f"https://{host}:8531", "ServerName": "SUP2",
                    "Version": number, "Priority": "2"}), UNKNOWN))))


def local_mp(ex: Exchange) -> str:
    site = ex.point.site
    rows = (tag("Site", {"SiteCode": code, "MasterSiteCode": site,
                         "Locality": locality})
            for code, locality in ((site, "Local"), (REMOTE, "Remote"),
                                   ("S03", "Fallback")))
    return tag("LocalMPLocationReply", {"SchemaVersion": "1.0"},
               tag("Sites", {}, *rows), UNKNOWN)
