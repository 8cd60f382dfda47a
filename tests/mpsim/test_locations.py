"""Location requests and their replies; policy of users, and updates."""

from __future__ import annotations

import unittest
import xml.etree.ElementTree as ElementTree

import places
import scene

CLIENT = ('<ClientLocationInfo LocationType="SMSPackage" AllowHTTP="1">'
          '<ADSite Name="R&amp;D" /><Forest Name="example.test" />'
          '<IPAddresses><IPAddress SubnetAddress="192.168.2.0" '
          'Address="192.168.2.62" /><IPAddress SubnetAddress="fd00::" '
          'Address="fd00::62" /></IPAddresses></ClientLocationInfo>')
SITE = '<AssignedSite SiteCode="PRI" />'
GUID = "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}"
REQUESTS = {
    "AssignedSite": '<AssignedSiteRequest SchemaVersion="1.00" />',
    "SiteInformation": '<SiteInformationRequest SchemaVersion="1.00">'
                       '<SiteCode Name="PRI" /></SiteInformationRequest>',
    "ContentLocation": '<ContentLocationRequest SchemaVersion="1.0">'
                       '<Package ID="PRI00001" Version="1" /><Package '
                       f'ID="PRI00002" Version="3" />{SITE}{CLIENT}'
                       "</ContentLocationRequest>",
    "WSUSLocation": '<WSUSLocationRequest SchemaVersion="1.00">'
                    f'<Content ID="{GUID}" Version="39" />{SITE}{CLIENT}'
                    "</WSUSLocationRequest>",
    "LocalMPLocation": '<LocalMPLocationRequest SchemaVersion="1.0">'
                       f"{SITE}{CLIENT}</LocalMPLocationRequest>",
}
# request: (what is replaced, by what, the checks that fail)
SPOILS = (
    ("AssignedSite", ' SchemaVersion="1.00"', "", "location.schema"),
    ("AssignedSite", " />", ' Site="1" />', "location.attributes"),
    ("AssignedSite", " />", "><Odd /></AssignedSiteRequest>",
     "location.children"),
    ("SiteInformation", "PRI", "PRIM", "location.site"),
    ("SiteInformation", '<SiteCode Name="PRI" />', "",
     "location.children location.site"),
    ("ContentLocation", "1.0", "2.0", "location.schema"),
    ("ContentLocation", 'ID="PRI00001"', 'ID="a b"', "location.package"),
    ("ContentLocation", 'Version="3"', 'Version="x"', "location.package"),
    ("ContentLocation", 'SiteCode="PRI"', 'SiteCode=""', "location.site"),
    ("ContentLocation", 'Address="192.168.2.62"', 'Address="300.1.1.1"',
     "location.address"),
    ("ContentLocation", ' AllowHTTP="1"', ' AllowHTTP="yes"',
     "location.flags"),
    ("ContentLocation", "<IPAddresses>", "<IPAddresses><Odd />",
     "location.address"),
    ("ContentLocation", "<Forest ", "<Woods ", "location.client"),
    ("ContentLocation", "<ADSite Name", "<ADSite Site", "location.ad_site"),
    ("ContentLocation", CLIENT, "", "location.children"),
    ("WSUSLocation", "1.00", "1.0", "location.schema"),
    ("WSUSLocation", GUID, "update", "location.content"),
    ("WSUSLocation", 'Version="39"', 'Version=""', "location.content"),
    ("WSUSLocation", SITE, "", "location.children location.site"),
    ("LocalMPLocation", SITE, SITE * 2, "location.children"),
)
UPDATE = ('<RequestAssignments SchemaVersion="1.00" ACK="false" '
          'RequestType="{kind}"><Identification><Machine><ClientID>{smsid}'
          "</ClientID><FQDN>pc1.example.test</FQDN><NetBIOSName>PC1"
          "</NetBIOSName><SID /></Machine>{user}</Identification>"
          "<PolicySource>SMS:PRI</PolicySource><Resource ResourceType="
          '"{of}" /><ServerCookie>{cookie}</ServerCookie>'
          "</RequestAssignments>")
USER = ("<User><NT4UserName>EXAMPLE\\bob</NT4UserName><SID>S-1-5-21-1-2-3-"
        "1000</SID><UserGroups><SID>S-1-5-32-545</SID></UserGroups></User>")


class Locations(scene.Scene):
    def ask(self, text: str, **options) -> bytes:
        return self.me.message("MP_LocationManager", text, **{
            "sign": False, "named": False, "reply": "Sync", **options})

    def answer(self, name: str) -> ElementTree.Element:
        reply, verdict = self.sound(self.ask(REQUESTS[name]))
        self.assertEqual(verdict.kind, "location")
        self.assertIn(b"a\0u\0t\0h\0e\0n\0t\0i\0c\0a\0t\0e\0", reply.body)
        root = ElementTree.fromstring(self.xml(reply))
        self.assertEqual(root.tag, name + "Reply")
        self.assertTrue(list(root.iter("FutureHints")))
        return root

    def test_content_is_at_a_local_and_a_remote_site(self) -> None:
        root = self.answer("ContentLocation")
        sites = root.findall("Sites/Site")
        self.assertEqual(
            [s.find("MPSite").attrib["SiteLocality"] for s in sites],
            ["Local", "Remote"] * 2)
        for url in root.iter("URL"):
            self.assertRegex(url.attrib["Name"],
                             r"^http://localhost/SMS_DP_SMSPKG\$/PRI0000")
        self.assertEqual(root.find(".//ADSite").attrib["Name"],
                         places.AD_SITE)

    def test_other_sites_packages_are_nowhere(self) -> None:
        reply, _ = self.sound(self.ask(REQUESTS["ContentLocation"].replace(
            'ID="PRI', 'ID="XYZ')))
        root = ElementTree.fromstring(self.xml(reply))
        self.assertEqual(list(root.iter("URL")), [])

    def test_wsus_is_at_least_as_new_as_asked_for(self) -> None:
        versions = [r.attrib["Version"] for r in self.answer(
            "WSUSLocation").iter("LocationRecord")]
        self.assertEqual(versions, ["39", "39"])

    def test_sites_and_local_management_points(self) -> None:
        root = self.answer("LocalMPLocation")
        self.assertEqual([s.attrib["Locality"] for s in root.iter("Site")],
                         ["Local", "Remote", "Fallback"])
        self.assertEqual(self.answer("AssignedSite").find(
            "Site").attrib["SiteCode"], "PRI")
        self.assertIsNotNone(self.answer("SiteInformation").find(
            "SiteInformation"))
        reply, _ = self.sound(self.ask(REQUESTS["SiteInformation"].replace(
            "PRI", "ZZZ")))
        self.assertNotIn("<SiteInformation ", self.xml(reply))

    def test_each_rule_is_checked(self) -> None:
        for name, old, new, checks in SPOILS:
            with self.subTest(name, old=old, new=new):
                good = REQUESTS[name]
                self.assertIn(old, good)
                self.fails(self.ask(good.replace(old, new, 1)),
                           *checks.split())

    def test_another_root_or_a_signature_is_refused(self) -> None:
        raw = self.ask('<LocationMPLocationRequest SchemaVersion="1.0" />')
        reply, _ = self.fails(raw, "well_formed")
        self.assertEqual(reply.status, 400)
        self.me.smsid = "GUID:AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE"
        good = REQUESTS["AssignedSite"]
        self.fails(self.ask(good, sign=True, named=True), "auth.absent",
                   "msg.source_id")
        self.fails(self.ask(good, reply="Async"), "msg.reply_mode")


class Assignments(scene.Scene):
    def setUp(self) -> None:
        super().setUp()
        self.values = {"smsid": self.enrolled(), "kind": "Full",
                       "of": "Machine", "user": "<User />", "cookie": ""}

    def raw(self, **values: str) -> bytes:
        return self.me.message("MP_PolicyManager", UPDATE.format(**{
            **self.values, **values}), reply="Sync")

    def asked(self, **values: str) -> ElementTree.Element:
        reply, _ = self.sound(self.raw(**values))
        return ElementTree.fromstring(self.xml(reply))

    def test_an_update_lists_what_changed_since_the_cookie(self) -> None:
        full = self.asked()
        self.assertEqual(full.get("ReplyType"), "Full")
        self.assertEqual(len(full.findall("PolicyAssignment")), 9)
        cookie = full.findtext("ServerCookie") or ""
        delta = self.asked(kind="OnUpdate", cookie=cookie)
        self.assertEqual(delta.get("ReplyType"), "Delta")
        self.assertEqual(len(delta.findall("PolicyAssignment")), 1)
        self.assertEqual(len(delta.findall("Signature/Reference")), 1)
        cookie = delta.findtext("ServerCookie") or ""
        delta = self.asked(kind="OnUpdate", cookie=cookie)
        self.assertEqual(delta.findall("PolicyAssignment"), [])

    def test_an_update_without_its_cookie_is_a_finding(self) -> None:
        for cookie in ("", "yesterday"):
            reply, _ = self.fails(self.raw(kind="OnUpdate", cookie=cookie),
                                  "assignments.cookie")
            self.assertIn('ReplyType="Full"', self.xml(reply))

    def test_a_users_policy_is_for_users(self) -> None:
        root = self.asked(of="User", user=USER)
        self.assertEqual(root.find("Resource").get("ResourceType"), "User")
        self.assertEqual({p.get("PolicyType") for p in root.iter("Policy")},
                         {"User"})
        self.assertEqual(root.findtext("Identification/User/NT4UserName"),
                         "EXAMPLE\\bob")
        self.assertEqual({p.get("PolicyType") for p in self.asked(
            user=USER).iter("Policy")}, {"Machine"})

    def test_a_user_must_be_named_well(self) -> None:
        self.fails(self.raw(of="User"), "assignments.user")
        for old, new, check in (
                ("EXAMPLE\\bob", "bob", "assignments.user"),
                ("<SID>S-1-5-21-1-2-3-1000</SID>", "",
                 "assignments.user assignments.sid"),
                ("S-1-5-32-545", "everyone", "assignments.sid")):
            with self.subTest(new):
                self.fails(self.raw(of="User", user=USER.replace(
                    old, new, 1)), *check.split())

    def test_both_forms_of_hash_are_listed(self) -> None:
        root = self.asked()
        forms = {(p.get("PolicyHash", "").count(":"),
                  len(p.get("PolicyHash", "")))
                 for p in root.iter("PolicyLocation")}
        self.assertEqual(forms, {(0, 32), (1, 45)})


if __name__ == "__main__":
    unittest.main()
