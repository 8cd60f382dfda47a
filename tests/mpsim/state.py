"""State messages (SDK facts 4.7): always full, always in the body."""

from __future__ import annotations

import report
import xmltext

TOPIC = {"ID", "Type", "IDType"}
USER = {"User", "UserSID"}
PARAMETERS_MAX = 5


class Reader(report.Reader):
    kind = "state"
    content = ("State Message Data",)
    types = ("full",)
    place = "body"
    least = 1

    def item(self, element: xmltext.Element) -> None:
        if not self.check("state.name", element.tag == "StateMessage",
                          f"ReportBody holds {element.tag}"):
            return
        self.check("state.attributes", set(element.attrib) == {
            "MessageTime", "SerialNumber"}
            and report.is_number(element.get("SerialNumber")),
            f"attributes of StateMessage are {element.attrib}")
        self.check("state.time", report.is_date(element.get("MessageTime")),
                   f"MessageTime is {element.get('MessageTime')!r}")
        have = xmltext.names(element)
        self.check("state.children", have.count("Topic") == 1
                   and have.count("State") == 1
                   and have.count("StateDetails") <= 1
                   and have.count("UserParameters") <= 1
                   and not set(have) - {"Topic", "State", "StateDetails",
                                        "UserParameters"},
                   f"StateMessage holds {have}")
        for child, check in (("Topic", self.check_topic),
                             ("State", self.check_state),
                             ("StateDetails", self.check_state_details),
                             ("UserParameters", self.check_parameters)):
            for found in element.findall(child):
                check(found)

    def check_topic(self, topic: xmltext.Element) -> None:
        self.check("state.topic", TOPIC <= set(topic.attrib)
                   <= TOPIC | USER and bool(topic.get("ID"))
                   and report.is_number(topic.get("Type"))
                   and report.is_number(topic.get("IDType"))
                   and not len(topic), f"Topic is {topic.attrib}")

    def check_state(self, state: xmltext.Element) -> None:
        self.check("state.state", set(state.attrib) == {"ID", "Criticality"}
                   and all(map(report.is_number, state.attrib.values()))
                   and not len(state), f"State is {state.attrib}")

    def check_state_details(self, element: xmltext.Element) -> None:
        self.check("state.details", set(element.attrib) == {"Type"}
                   and not len(element),
                   f"StateDetails is {element.attrib}")

    def check_parameters(self, element: xmltext.Element) -> None:
        have = xmltext.names(element)
        self.check("state.parameters", set(element.attrib) == {
            "Flags", "Count"} and report.is_number(element.get("Flags"))
            and element.get("Count") == str(len(have))
            and have == ["Param"] * len(have)
            and len(have) <= PARAMETERS_MAX,
            f"UserParameters is {element.attrib} with {have}")
