"""Software inventory (SDK facts 4.7): instances of FileSystemFile."""

from __future__ import annotations

import report
import xmltext

FILE = ("CompanyName", "FileDescription", "FileVersion", "LastWriteDate",
        "Name", "Path", "ProductLanguage", "ProductName", "ProductVersion",
        "Size")


class Reader(report.Reader):
    kind = "sinv"
    content = ("Inventory Data", r"Inventory\x0020Data")
    action = "InventoryAction"
    action_id = 2
    action_name = "Software"

    def item(self, element: xmltext.Element) -> None:
        report.check_instance(element, self.ex.verdict, "FileSystemFile")
        for file in element.findall("FileSystemFile"):
            self.check_file(file)

    def check_file(self, file: xmltext.Element) -> None:
        trouble = report.leaves(file, FILE)
        self.check("sinv.file", not trouble, trouble)
        name = report.text_of(file, "Name")
        path = report.text_of(file, "Path")
        self.check("sinv.name", bool(name), "a file has no Name")
        self.check("sinv.path", bool(path) and not (name and path.lower()
                   .endswith("\\" + name.lower())),
                   f"Path {path!r} must not include the name")
        self.check("sinv.size", report.is_number(report.text_of(file,
                                                                "Size")),
                   f"Size of {name!r} is no number")
        date = report.text_of(file, "LastWriteDate")
        self.check("sinv.date", report.is_date(date),
                   f"LastWriteDate of {name!r} is {date!r}")
