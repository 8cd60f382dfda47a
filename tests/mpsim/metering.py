"""Software metering (SDK facts 4.7): in the body as documented, or attached
as the vendor's SDK sends it (wire facts 8.3).
"""

from __future__ import annotations

import re

import report
import xmltext
from message import GUID

PRODUCT = {"CompanyName", "ProductName", "ProductVersion", "ProductLanguage"}
FILE = {"FileDescription", "FileVersion", "FileName", "FileSize"}
DATA = {"MeterDataID", "UserName", "StartTime", "EndTime", "Status"}
STATUS_BITS = 1 | 2 | 4 | 8


class Reader(report.Reader):
    kind = "metering"
    content = ("Software Metering Data",)
    place = "either"
    least = 1

    def item(self, element: xmltext.Element) -> None:
        self.check("metering.product", element.tag == "ProductInfo"
                   and set(element.attrib) == PRODUCT,
                   f"ReportBody holds {element.tag} {element.attrib}")
        self.check("metering.files", bool(len(element)),
                   "a ProductInfo has no SoftwareFileInfo")
        for file in element:
            self.check("metering.file", file.tag == "SoftwareFileInfo"
                       and set(file.attrib) == FILE
                       and bool(file.get("FileName"))
                       and report.is_number(file.get("FileSize")),
                       f"ProductInfo holds {file.tag} {file.attrib}")
            for data in file:
                self.check_data(data)

    def check_data(self, data: xmltext.Element) -> None:
        self.check("metering.data", data.tag == "HistoricalMeterData"
                   and set(data.attrib) == DATA and not len(data),
                   f"SoftwareFileInfo holds {data.tag} {data.attrib}")
        self.check("metering.id", bool(GUID.match(
            (data.get("MeterDataID") or "").upper())),
            f"MeterDataID is {data.get('MeterDataID')!r}")
        self.check("metering.user", bool(re.match(
            r"\A[^\\]+\\[^\\]+\Z", data.get("UserName") or "")),
            f"UserName is {data.get('UserName')!r}, not Domain\\User")
        begin, end = data.get("StartTime") or "", data.get("EndTime") or ""
        self.check("metering.times", report.is_date(begin)
                   and report.is_date(end) and begin[:14] <= end[:14],
                   f"StartTime {begin!r}, EndTime {end!r}")
        status = data.get("Status") or ""
        self.check("metering.status", report.is_number(status)
                   and not int(status) & ~STATUS_BITS,
                   f"Status is {status!r}")
