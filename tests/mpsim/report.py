"""The report that inventory, discovery, state and their like have in common:
its header, and where it lies (SDK facts 4.6, wire facts 8.1, 8.2). A kind is
a Reader of its own, which is shown each child of ReportBody in turn, so that
a large report is never held as a tree.
"""

from __future__ import annotations

import datetime
import re
import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING, ClassVar, Optional, Sequence

import auth
import payload
import xmltext
from checks import Malformed, Verdict
from clients import Client

if TYPE_CHECKING:
    from point import Exchange

WBEM = re.compile(r"\A\d{14}\.\d{6}[+-]\d{3}\Z")
GUID_NAME = re.compile(r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
MACHINE = ("ClientID", "NetBIOSName", "SystemDefaultLCID")
MACHINE_OPTIONAL = ("ClientInstalled", "ClientType", "ClientVersion",
                    "CodePage", "Priority", "PublicKey")
DETAILS = ("ReportContent", "ReportType", "Date", "Version", "Format")
CONTENTS = ("new", "deleted", "updated")
NUMBER = re.compile(r"\A\d{1,10}\Z")


def is_date(text: Optional[str]) -> bool:
    """A WBEM datetime that names a moment."""
    if text is None or not WBEM.match(text):
        return False
    try:
        datetime.datetime.strptime(text[:14], "%Y%m%d%H%M%S")
    except ValueError:
        return False
    return True


def is_number(text: Optional[str]) -> bool:
    return text is not None and bool(NUMBER.match(text))


def text_of(element: Optional[xmltext.Element], name: str) -> str:
    return xmltext.child_text(element, name) or ""


def leaves(element: xmltext.Element, required: Sequence[str],
           optional: Sequence[str] = ()) -> str:
    """What is wrong with the children, "" if they are these, once each, and
    hold text only."""
    have = xmltext.names(element)
    missing = [name for name in required if name not in have]
    odd = sorted(set(have) - set(required) - set(optional))
    twice = sorted({name for name in have if have.count(name) > 1})
    deep = [child.tag for child in element if len(child)]
    if missing or odd or twice or deep:
        return (f"{element.tag}: missing {missing}, unknown {odd}, repeated "
                f"{twice}, not plain {deep}")
    return ""


class Reader:
    """Reads one report of a kind; subclasses say what its items are."""
    kind: ClassVar[str] = ""
    content: ClassVar[tuple[str, ...]] = ()
    types: ClassVar[tuple[str, ...]] = ("full", "delta")
    # attached: the body has the header only. body: no attachment. either:
    # one of the two. files: the attachments are no reports.
    place: ClassVar[str] = "attached"
    action: ClassVar[str] = ""            # InventoryAction, ...
    action_id: ClassVar[int] = 0
    action_name: ClassVar[str] = ""
    action_type: ClassVar[bool] = False   # must ActionType be given?
    least: ClassVar[int] = 0              # items
    # An attribute that the fallback status point wants on ClientID.
    id_attributes: ClassVar[dict[str, str]] = {}

    def __init__(self, ex: Exchange):
        self.ex = ex
        self.check = ex.verdict.check
        self.equal = ex.verdict.equal
        self.items = 0
        self.chunks: Sequence[payload.Chunk] = ()

    def item(self, element: xmltext.Element) -> None:
        """A child of ReportBody."""
        raise NotImplementedError

    def finish(self) -> None:
        """All items have been seen."""

    def visit(self, element: xmltext.Element) -> None:
        self.items += 1
        self.item(element)

    def none(self, element: xmltext.Element) -> None:
        self.check("report.body_empty", False, "ReportBody must be empty "
                   f"where a report is attached; it has {element.tag}")

    def read(self, text: str, sender: Optional[Client],
             chunks: Sequence[payload.Chunk] = ()) -> None:
        """The body, and the report that is attached to it."""
        self.chunks = chunks
        attached = self.place == "attached" or (
            self.place == "either" and bool(chunks))
        root = xmltext.walk(text, "the report", "ReportBody",
                            self.none if attached else self.visit)
        self.check_root(root)
        self.check_header(root.find("ReportHeader"), sender)
        if attached:
            self.read_attached(root, chunks)
        elif self.place != "files":
            self.check("report.attachments", not chunks,
                       "a report in the body has no attachments")
        self.finish()
        self.check("report.items", self.items >= self.least,
                   f"ReportBody has {self.items} items, {self.least} are "
                   "the least")
        self.ex.verdict.notes["items"] = str(self.items)

    def read_attached(self, first: xmltext.Element,
                      chunks: Sequence[payload.Chunk]) -> None:
        if not self.check("report.attachments", len(chunks) == 1,
                          f"there are {len(chunks)} attachments, not one"):
            return
        documented = f"{{00000000-0000-0000-0000-{self.action_id:012d}}}"
        name = chunks[0].name
        self.check("report.attachment_name", name == documented
                   or bool(GUID_NAME.match(name)),
                   f"the attachment is called {name!r}, neither {documented} "
                   "nor a lower-case GUID")
        full = xmltext.walk(payload.report_of(chunks[0], self.ex.verdict),
                            "the attached report", "ReportBody", self.visit)
        self.check_root(full)
        self.check("report.header_copy", serial(first) == serial(full),
                   "the body's ReportHeader is not the attachment's")

    def check_root(self, root: xmltext.Element) -> None:
        if root.tag != "Report":
            raise Malformed(f"the report is {root.tag}, not Report")
        self.check("report.root", not root.attrib and xmltext.names(root) == [
            "ReportHeader", "ReportBody"] and not root[1].attrib,
            "Report must hold ReportHeader and ReportBody")

    def check_header(self, header: Optional[xmltext.Element],
                     sender: Optional[Client]) -> None:
        if header is None:
            raise Malformed("the report has no ReportHeader")
        wanted = ["Identification", "ReportDetails"]
        wanted += [self.action] if self.action else []
        self.equal("report.header", xmltext.names(header), wanted)
        machine = header.find("Identification/Machine")
        if not self.check("report.machine", machine is not None,
                          "ReportHeader has no Identification/Machine"):
            raise Malformed("the report names no machine")
        assert machine is not None
        self.check_machine(machine, sender)
        self.check_details(header.find("ReportDetails"))
        if self.action:
            self.check_action(header.find(self.action))

    def check_machine(self, machine: xmltext.Element,
                      sender: Optional[Client]) -> None:
        trouble = leaves(machine, MACHINE, MACHINE_OPTIONAL)
        self.check("report.machine", not trouble, trouble)
        smsid = text_of(machine, "ClientID")
        auth.check_managed(self.ex, sender, smsid)
        client_id = machine.find("ClientID")
        self.equal("report.client_id_attributes", client_id.attrib
                   if client_id is not None else None, self.id_attributes)
        self.check("report.netbios_name", bool(re.match(
            r"\A[^\s.:;/\\]{1,15}\Z", text_of(machine, "NetBIOSName"))),
            f"NetBIOSName is {text_of(machine, 'NetBIOSName')!r}")
        for name, good in (("SystemDefaultLCID", is_number),
                           ("CodePage", is_number),
                           ("ClientType", lambda t: t in ("0", "1", "3")),
                           ("ClientInstalled", lambda t: t in ("0", "1"))):
            value = xmltext.child_text(machine, name)
            self.check("report.machine_values", value is None or good(value),
                       f"{name} is {value!r}")

    def check_details(self, details: Optional[xmltext.Element]) -> None:
        if details is None:
            self.check("report.details", False, "there are no ReportDetails")
            return
        trouble = leaves(details, DETAILS)
        self.check("report.details", not trouble, trouble)
        content = text_of(details, "ReportContent")
        self.check("report.content", content in self.content,
                   f"ReportContent is {content!r}, expected "
                   f"{' or '.join(self.content)}")
        kind = text_of(details, "ReportType")
        self.check("report.type", kind.lower() in self.types,
                   f"ReportType is {kind!r}, expected "
                   f"{' or '.join(self.types)}")
        self.ex.verdict.notes["report"] = kind.lower()
        self.check("report.date", is_date(text_of(details, "Date")),
                   f"Date is {text_of(details, 'Date')!r}, no WBEM datetime")
        for name in ("Version", "Format"):
            self.check("report.version", bool(re.match(
                r"\A\d+\.\d+\Z", text_of(details, name))),
                f"{name} is {text_of(details, name)!r}")

    def check_action(self, action: Optional[xmltext.Element]) -> None:
        if action is None:
            return  # report.header has said so
        name = self.action + "ID"
        optional = ["InventoryActionLastUpdateTime"] \
            if self.action == "InventoryAction" else []
        trouble = leaves(action, [name, "Description"], optional)
        self.check("report.action", not trouble, trouble)
        self.equal("report.action_id", text_of(action, name),
                   f"{{00000000-0000-0000-0000-{self.action_id:012d}}}")
        self.equal("report.action_description",
                   text_of(action, "Description"), self.action_name)
        allowed = [{"ActionType": "Predefined"}]
        allowed += [] if self.action_type else [{}]
        self.check("report.action_type", action.attrib in allowed,
                   f"attributes of {self.action} are {action.attrib}")
        for element in action.findall("InventoryActionLastUpdateTime"):
            self.check("report.date", is_date(element.text),
                       f"InventoryActionLastUpdateTime is {element.text!r}")


def serial(root: xmltext.Element) -> bytes:
    header = root.find("ReportHeader")
    return b"" if header is None else ElementTree.tostring(header)


def check_instance(element: xmltext.Element, verdict: Verdict,
                   child_name: str = "") -> str:
    """An Instance of a WMI class (SDK facts 4.7); returns the class."""
    if not verdict.check("instance.name", element.tag == "Instance",
                         f"ReportBody holds {element.tag}"):
        return ""
    name = element.get("Class") or ""
    verdict.check("instance.attributes", set(element.attrib) == {
        "Content", "Namespace", "Class", "ParentClass"}
        and bool(name) and element.get("ParentClass") == name,
        f"attributes of an Instance are {element.attrib}")
    content = element.get("Content") or ""
    verdict.check("instance.content", content.lower() in CONTENTS,
                  f"Content of {name} is {content!r}")
    verdict.check("instance.namespace", bool(re.match(
        r"\A\\\\[^\\\s]+\\root(\\\w+)*\Z", element.get("Namespace") or "",
        re.IGNORECASE)), f"Namespace of {name} is "
        f"{element.get('Namespace')!r}")
    wanted = child_name or name
    if verdict.check("instance.class", xmltext.names(element) == [wanted],
                     f"Instance of {name} holds {xmltext.names(element)}, "
                     f"expected {wanted}"):
        verdict.check("instance.properties", all(
            not len(prop) and not prop.attrib for prop in element[0]),
            f"a property of {name} is not plain text")
    return name
