"""Hardware inventory (SDK facts 4.7, wire facts 8.2)."""

from __future__ import annotations

import report
import xmltext


class Reader(report.Reader):
    kind = "hinv"
    content = ("Inventory Data", r"Inventory\x0020Data")
    action = "InventoryAction"
    action_id = 1
    action_name = "Hardware"
    action_type = True
    least = 1

    def item(self, element: xmltext.Element) -> None:
        report.check_instance(element, self.ex.verdict)
