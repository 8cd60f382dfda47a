"""Status messages (SDK facts 4.7): no report, but a class and its
properties.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import auth
import report
import xmltext
from checks import Malformed
from clients import Client

if TYPE_CHECKING:
    from point import Exchange

# The two documented families of software distribution, by class name.
FAMILIES = (
    (re.compile(r"\ASoftDist(Download(Started|Completed|Failed)|HashMismatch"
                r"|ContentRemoved)Event\Z"),
     {"ClientID", "PackageId", "PackageName", "PackageVersion"}),
    (re.compile(r"\ASoftDistProgram\w*Event\Z"),
     {"ClientID", "AdvertisementId", "PackageName", "ProgramName"}),
)


def read(ex: Exchange, sender: Client) -> None:
    check, verdict = ex.verdict.check, ex.verdict
    root = xmltext.parse(ex.payload.body, "the status message")
    if root.tag != "Status":
        raise Malformed(f"the body is {root.tag}, not Status")
    check("status.attributes", set(root.attrib) == {
        "SchemaVersion", "CodePage", "LocaleID"}
        and root.get("SchemaVersion") in ("1.0", "1.00")
        and report.is_number(root.get("CodePage"))
        and report.is_number(root.get("LocaleID")),
        f"attributes of Status are {root.attrib}")
    check("status.children", sorted(xmltext.names(root)) == [
        "Properties", "Qualifiers", "Type"],
        f"Status holds {xmltext.names(root)}")
    check("report.attachments", not ex.payload.attachments,
          "a status message has no attachment")
    name = xmltext.child_text(root, "Type") or ""
    check("status.type", bool(re.match(r"\A\w+\Z", name)),
          f"Type is {name!r}, no class name")
    verdict.notes["type"] = name
    values = named(ex, root, "Properties", "Property")
    named(ex, root, "Qualifiers", "Qualifier")
    for pattern, wanted in FAMILIES:
        if pattern.match(name):
            check("status.family", wanted <= set(values),
                  f"{name} lacks {sorted(wanted - set(values))}")
    if "DateTime" in values:
        check("status.date", report.is_date(values["DateTime"]),
              f"DateTime is {values['DateTime']!r}")
    auth.check_managed(ex, sender, values.get("ClientID") or sender.smsid)


def named(ex: Exchange, root: xmltext.Element, group: str,
          item: str) -> dict[str, str]:
    """Values by name: each item has a Name, and text only."""
    values: dict[str, str] = {}
    for element in root.findall(group + "/*"):
        name = element.get("Name") or ""
        ex.verdict.check("status." + group.lower(), element.tag == item
                         and set(element.attrib) == {"Name"} and bool(name)
                         and name not in values and not len(element),
                         f"{group} holds {element.tag} {element.attrib}")
        values[name] = element.text or ""
    return values
