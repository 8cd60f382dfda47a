"""File collection (SDK facts 4.7): the report lies in the body, and each
collected file is an attachment that is named by its ID.
"""

from __future__ import annotations

import report
import xmltext

FILE = ("LastWriteDate", "Name", "Path", "Size")


class Reader(report.Reader):
    kind = "files"
    content: tuple[str, ...] = ("FILECOLL",)
    place = "files"
    action = "FileCollectionAction"
    action_id = 10
    action_name = "File Collection"
    least = 1

    def __init__(self, ex):
        super().__init__(ex)
        self.sizes: dict[str, int] = {}   # of the files that must be there
        self.files = 0
        self.sums: list[str] = []

    def item(self, element: xmltext.Element) -> None:
        if element.tag == "CollectedFileSum":
            self.sums.append(element.text or "")
            return
        if not self.check("files.name", element.tag == "CollectedFile",
                          f"ReportBody holds {element.tag}"):
            return
        self.files += 1
        self.check("files.order", not self.sums,
                   "CollectedFileSum must come last")
        self.check_file(element)

    def check_file(self, element: xmltext.Element) -> None:
        name, content = element.get("ID") or "", element.get("Content") or ""
        self.check("files.attributes", set(element.attrib) == {
            "ID", "Content"} and content.lower() in report.CONTENTS
            and report.is_number(name) and name not in self.sizes,
            f"attributes of a CollectedFile are {element.attrib}")
        trouble = report.leaves(element, FILE)
        self.check("files.file", not trouble, trouble)
        date = report.text_of(element, "LastWriteDate")
        self.check("files.date", report.is_date(date),
                   f"LastWriteDate of file {name} is {date!r}")
        self.check("files.file", bool(report.text_of(element, "Name")),
                   f"file {name} has no Name")
        size = report.text_of(element, "Size")
        if self.check("files.size", report.is_number(size),
                      f"Size of file {name} is {size!r}") \
                and content.lower() != "deleted":
            self.sizes[name] = int(size)

    def finish(self) -> None:
        self.equal("files.sum", self.sums, [str(self.files)])
        have = {c.name: len(c.data) for c in self.chunks}
        self.check("files.attachments", have == self.sizes,
                   "the attachments (name: size) are not the collected "
                   f"files: {have}, expected {self.sizes}")
        self.ex.verdict.notes["files"] = str(len(have))
