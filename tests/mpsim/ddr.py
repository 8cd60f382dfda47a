"""Discovery data (SDK facts 4.7, wire facts 8.2)."""

from __future__ import annotations

import report
import xmltext

# The vendor's SDK does not send a report without these.
CLASSES = {"CCM_ComputerSystem", "CCM_Client", "SMS_Authority",
           "CCM_ADSiteInfo"}


class Reader(report.Reader):
    kind = "ddr"
    content = ("Inventory Data", r"Inventory\x0020Data")
    action = "InventoryAction"
    action_id = 3
    action_name = "Discovery"
    action_type = True
    least = 1

    def __init__(self, ex):
        super().__init__(ex)
        self.classes: set[str] = set()

    def item(self, element: xmltext.Element) -> None:
        self.classes.add(report.check_instance(element, self.ex.verdict))

    def finish(self) -> None:
        missing = CLASSES - self.classes
        if missing:
            self.ex.verdict.notes["classes_missing"] = ",".join(
                sorted(missing))
