"""Every kind of upload: sound ones pass every check, and each rule is broken
once to see that it is checked.
"""

from __future__ import annotations

import unittest
from typing import Callable, NamedTuple, Optional

import samples
import scene
from sender import File, report_file, wide

BODIES = (b"12345", b"\xff\xfe\0")


class Kind(NamedTuple):
    endpoint: str
    text: Callable[..., str]
    file_type: str = ""
    attached: bool = False   # the report is an attachment
    files: bool = False      # attachments are files
    signed: bool = True      # in mixed mode


KINDS = {
    "ddr": Kind("MP_DdrEndpoint", samples.ddr, attached=True),
    "hinv": Kind("MP_HinvEndpoint", samples.hinv, attached=True),
    "sinv": Kind("MP_SinvEndpoint", samples.sinv, attached=True),
    "files": Kind("MP_SinvCollFileEndpoint", samples.files, files=True),
    "state": Kind("MP_RelayEndpoint", samples.state, "SMX"),
    "idmif": Kind("MP_RelayEndpoint", samples.idmif, "IDMIF", files=True),
    "metering": Kind("MP_RelayEndpoint", samples.metering, "SWM"),
    "status": Kind("StatusReceiver", samples.status, signed=False),
}
# (what is replaced, by what, the checks that fail)
HEADER = (
    ("<ClientID>GUID", "<ClientID>GUIE", "identity.managed"),
    ("<NetBIOSName>PC1<", "<NetBIOSName>PC1.example.test<",
     "report.netbios_name"),
    ("<SystemDefaultLCID>1033</SystemDefaultLCID>", "", "report.machine"),
    ("<SystemDefaultLCID>1033<", "<SystemDefaultLCID>en<",
     "report.machine_values"),
    ("<ClientType>1<", "<ClientType>7<", "report.machine_values"),
    ("<CodePage>1252</CodePage>", "<Odd>1</Odd>", "report.machine"),
    ("<CodePage>1252</CodePage>", "<CodePage>1</CodePage>" * 2,
     "report.machine"),
    ("<ReportContent>", "<ReportContent>Other", "report.content"),
    ("<Version>1.0</Version>", "", "report.details report.version"),
    ("<Version>1.0<", "<Version>one<", "report.version"),
    ("<Date>2026", "<Date>2026-", "report.date"),
    ("<Date>20261123", "<Date>20261323", "report.date"),
    ("</ReportBody>", "</ReportBody><More />", "report.root"),
    ("<Identification>", "<Odd /><Identification>", "report.header"),
)
INSTANCE = (
    ('Content="New"', 'Content="Newer"', "instance.content"),
    ('ParentClass="', 'ParentClass="x', "instance.attributes"),
    ("\\\\PC1\\root", "PC1\\root", "instance.namespace"),
    (' Namespace=', ' Space=', "instance.attributes instance.namespace"),
    ("<Instance ", "<Inst><Instance ", "instance.name"),
)
SPOILS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "ddr": INSTANCE + (
        ("<CCM_Client>", "<CCM_Clients>", "instance.class"),
        ("<Name>x<", "<Name><Deep />x<", "instance.properties"),
        ("-000000000003}", "-000000000001}", "report.action_id"),
        (">Discovery<", ">Hardware<", "report.action_description"),
        (' ActionType="Predefined"', "", "report.action_type")),
    "hinv": INSTANCE + (
        ("<Win32_BIOS>", "<Win32_BOIS>", "instance.class"),
        ("-000000000001}", "-000000000002}", "report.action_id"),
        ("UpdateTime>2026", "UpdateTime>6202x", "report.date")),
    "sinv": INSTANCE + (
        ("<FileSystemFile>", "<File>", "instance.class"),
        ("<Size>1234</Size>", "", "sinv.file sinv.size"),
        ("<Size>1234<", "<Size>big<", "sinv.size"),
        ("<Name>a.exe<", "<Name><", "sinv.name"),
        ("Program Files\\<", "Program Files\\a.exe<", "sinv.path"),
        ("<LastWriteDate>2026", "<LastWriteDate>yes", "sinv.date")),
    "files": (
        ('ID="1"', 'ID="one"', "files.attributes files.attachments"),
        ('ID="1"', 'ID="2"', "files.attributes files.attachments"),
        ("<Size>5<", "<Size>6<", "files.attachments"),
        ("<Size>5<", "<Size>five<", "files.size files.attachments"),
        ("<CollectedFileSum>3<", "<CollectedFileSum>2<", "files.sum"),
        ("<Name>f1.log<", "<Name><", "files.file"),
        ("<Path>C:\\Logs</Path>", "", "files.file"),
        ("<LastWriteDate>2026", "<LastWriteDate>x", "files.date"),
        ("-000000000010}", "-000000000011}", "report.action_id")),
    "idmif": (
        ("-000000000011}", "-000000000010}", "report.action_id"),
        (">File Collection<", ">IDMIF<", "report.action_description")),
    "state": (
        ("<ReportType>Full<", "<ReportType>Delta<", "report.type"),
        ("<StateMessage ", "<StateMessages ", "state.name"),
        ('SerialNumber="7"', 'SerialNumber="x"', "state.attributes"),
        ('MessageTime="2026', 'MessageTime="', "state.time"),
        ('<State ID="2" Criticality="0" />', "", "state.children"),
        ('IDType="3"', 'IDType="x"', "state.topic"),
        (' Criticality="0"', "", "state.state"),
        ('<StateDetails Type="1">', "<StateDetails>", "state.details"),
        ('Count="2"', 'Count="3"', "state.parameters"),
        ('Count="2"><Param>', 'Count="6">' + "<Param />" * 4 + "<Param>",
         "state.parameters")),
    "metering": (
        (' ProductName="P"', "", "metering.product"),
        ('FileSize="1234"', 'FileSize="big"', "metering.file"),
        ('"EXAMPLE\\bob"', '"bob"', "metering.user"),
        ('MeterDataID="{C', 'MeterDataID="C', "metering.id"),
        ('StartTime="2026', 'StartTime="2027', "metering.times"),
        ('Status="9"', 'Status="16"', "metering.status")),
    "status": (
        ('LocaleID="1033"', "", "status.attributes"),
        ('SchemaVersion="1.0"', 'SchemaVersion="2.0"', "status.attributes"),
        ("<Type>SoftDistDownloadStartedEvent</Type>", "",
         "status.type status.children"),
        ("<Type>Soft", "<Type>Soft Dist", "status.type"),
        ('Name="PackageId"', 'Name="Package"', "status.family"),
        ('Name="PackageId"', 'Name="Severity"',
         "status.properties status.family"),
        ('<Qualifier Name="400"', "<Qualifier ", "status.qualifiers"),
        ("DateTime\">2026", "DateTime\">", "status.date"),
        ("<Properties>", "<Odd /><Properties>", "status.children")),
}
# A change that makes the markup unbalanced is balanced here.
CLOSED = {"<CCM_Clients>": ("</CCM_Client>", "</CCM_Clients>"),
          "<Win32_BOIS>": ("</Win32_BIOS>", "</Win32_BOIS>"),
          "<File>": ("</FileSystemFile>", "</File>"),
          "<Inst><Instance ": ("</Instance>", "</Instance></Inst>"),
          "<StateMessages ": ("</StateMessage>", "</StateMessages>")}

class Sending(scene.Scene):
    """A registered client, and how it makes an upload."""

    def setUp(self) -> None:
        super().setUp()
        self.enrolled()

    def raw(self, name: str, change: Optional[Callable[[str], str]] = None,
            **options) -> bytes:
        """An upload of that kind; change is made to each of its reports."""
        change = change or (lambda text: text)
        kind = KINDS[name]
        body = change(kind.text(self.me.smsid))
        files = []
        if kind.attached:
            files = [report_file(body)]
            body = change(kind.text(self.me.smsid, False))
        elif kind.files:
            files = [File(str(number), data)
                     for number, data in enumerate(BODIES, 1)]
        options.setdefault("files", files)
        options.setdefault("sign", kind.signed or self.me.tls)
        options.setdefault("kind", kind.file_type)
        endpoint = options.pop("endpoint", kind.endpoint)
        return self.me.message(endpoint, body, **options)


class Uploads(Sending):
    def test_sound_uploads_pass_every_check_and_get_no_answer(self) -> None:
        for name in KINDS:
            for compress in (True, False):
                with self.subTest(name, compress=compress):
                    reply, verdict = self.sound(
                        self.raw(name, compress=compress))
                    self.assertEqual((reply.status, reply.body), (200, b""))
                    self.assertEqual(verdict.kind, name)
                    self.assertEqual(verdict.client_id, self.me.smsid)

    def test_endpoints_are_found_in_any_case(self) -> None:
        for endpoint in ("MP_DDREndpoint", "mp_ddrendpoint"):
            _, verdict = self.sound(self.raw("ddr", endpoint=endpoint))
            self.assertEqual(verdict.kind, "ddr")

    def test_each_rule_of_a_report_is_checked(self) -> None:
        for name in KINDS:
            spoils = SPOILS[name] + (HEADER if name != "status" else ())
            for old, new, check in spoils:
                with self.subTest(name, old=old, new=new):
                    self.spoilt(name, old, new, check)

    def spoilt(self, name: str, old: str, new: str, check: str) -> None:
        seen = []

        def change(text: str) -> str:
            seen.append(old in text)
            text = text.replace(old, new, 1)
            if new in CLOSED:
                text = text.replace(*CLOSED[new], 1)
            return text

        _, verdict = self.send(self.raw(name, change))
        self.assertTrue(any(seen), old)
        self.assertEqual(set(verdict.failed()), set(check.split()),
                         verdict.errors)

    def test_what_must_be_signed(self) -> None:
        for name, kind in KINDS.items():
            with self.subTest(name):
                raw = self.raw(name, sign=False)
                if kind.signed:
                    reply, _ = self.fails(raw, "auth.present")
                    self.assertEqual(reply.body, b"")
                else:
                    self.sound(raw)
                self.sound(self.raw(name, sign=True))

    def test_relayed_messages_are_unsigned_if_the_site_says_so(self) -> None:
        self.point.state_signing = "sdk"
        for name in ("state", "idmif", "metering"):
            with self.subTest(name):
                self.sound(self.raw(name, sign=False))
                self.sound(self.raw(name, sign=True))
        self.fails(self.raw("hinv", sign=False), "auth.present")

    def test_an_unsigned_upload_still_names_a_client(self) -> None:
        raw = self.raw("status", sign=False, named=False)
        reply, _ = self.fails(raw, "msg.source_id", "identity.known")
        self.assertEqual((reply.status, reply.body), (200, b""))

    def test_wrong_roots_and_unknown_file_types_are_refused(self) -> None:
        for name, kind in KINDS.items():
            with self.subTest(name):
                raw = self.me.message(kind.endpoint, "<Rapport />",
                                      kind=kind.file_type)
                reply, _ = self.fails(raw, "well_formed")
                self.assertEqual(reply.status, 400)
        for file_type in ("", "QQQ"):
            self.fails(self.raw("state", kind=file_type), "upload.file_type")
        self.fails(self.raw("hinv", kind="SMX"), "upload.file_type")

    def test_uploads_are_asynchronous(self) -> None:
        self.fails(self.raw("hinv", reply="Sync"), "msg.reply_mode")

    def test_delta_reports_are_for_all_but_state(self) -> None:
        full = "<ReportType>Full<"
        for name in ("ddr", "hinv", "sinv", "metering"):
            for word in ("delta", "Delta", "FULL"):
                self.sound(self.raw(name, lambda t, w=word: t.replace(
                    full, f"<ReportType>{w}<")))
            self.fails(self.raw(name, lambda t: t.replace(
                full, "<ReportType>Some<")), "report.type")

    def test_other_types_of_status_are_free(self) -> None:
        for name in ("CCM_Any_Event", "Custom"):
            body = samples.status(self.me.smsid, name)
            self.sound(self.me.message("StatusReceiver", body, sign=False))
        body = samples.status(self.me.smsid, "SoftDistProgramStartedEvent")
        self.fails(self.me.message("StatusReceiver", body, sign=False),
                   "status.family")

    def test_the_schema_error_of_a_bad_document_type(self) -> None:
        for old, new in (("<Report>", "<!DOCTYPE x><Report>"),
                         ("<Name>BIOS</Name>", "<a>" * 70 + "</a>" * 70),
                         ("</Report>", "</Rapport>"),
                         ("</Report>", "</Report>&e;")):
            with self.subTest(new[:20]):
                raw = self.raw("hinv", lambda t: t.replace(old, new, 1))
                reply, _ = self.fails(raw, "well_formed")
                self.assertEqual(reply.status, 400)


class Attachments(Sending):
    """Where they lie, and how they are announced (wire facts 8.1)."""

    def both(self) -> tuple[str, str]:
        return (samples.hinv(self.me.smsid, False),
                samples.hinv(self.me.smsid))

    def test_the_two_announcements_of_the_sdk_are_accepted(self) -> None:
        head, full = self.both()
        file = report_file(full)._replace(pair=True)
        self.sound(self.me.message("MP_HinvEndpoint", head, files=[file]))

    def test_documented_names_are_accepted_and_others_not(self) -> None:
        head, full = self.both()
        for name, good in (("{00000000-0000-0000-0000-000000000001}", True),
                           ("{00000000-0000-0000-0000-000000000002}", False),
                           ("report.xml", False)):
            raw = self.me.message("MP_HinvEndpoint", head,
                                  files=[report_file(full, name)])
            if good:
                self.sound(raw)
            else:
                self.fails(raw, "report.attachment_name")

    def test_a_third_announcement_or_a_wrong_place_is_found(self) -> None:
        head, full = self.both()
        file = report_file(full, "0f0f0f0f-0000-4000-8000-00000000000a")

        def again(text: str) -> str:
            at = text.index("<Attachment")
            end = text.index("/>", at) + 2
            return text[:end] + text[at:end] + text[end:]

        self.fails(self.me.message("MP_HinvEndpoint", head, files=[file],
                                   spoil=again), "msg.attachments")
        size = len(wide(head)) + 2
        _, verdict = self.send(self.me.message(
            "MP_HinvEndpoint", head, files=[file], spoil=lambda t: t.replace(
                f'Offset="{size}"', f'Offset="{size + 2}"')))
        self.assertIn("payload.attachments", verdict.failed())
        _, verdict = self.send(self.me.message(
            "MP_HinvEndpoint", head, files=[file], spoil=lambda t: t.replace(
                f'Length="{size}"', f'Length="{size + 2}"')))
        self.assertIn("payload.attachments", verdict.failed())

    def test_marks_and_nuls_of_attached_reports(self) -> None:
        head, full = self.both()
        name = "0f0f0f0f-0000-4000-8000-00000000000a"
        for data, check in ((wide(full), "payload.attachment_bom"),
                            (b"\xff\xfe" + wide(full + "\0"),
                             "payload.attachment_nul")):
            self.fails(self.me.message("MP_HinvEndpoint", head,
                                       files=[File(name, data)]), check)

    def test_header_and_attachment_must_agree(self) -> None:
        head, full = self.both()
        self.fails(self.me.message("MP_HinvEndpoint", head, files=[
            report_file(full.replace("1252", "437"))]), "report.header_copy")
        self.fails(self.me.message("MP_HinvEndpoint", full, files=[
            report_file(full)]), "report.body_empty")
        self.fails(self.me.message("MP_HinvEndpoint", head, files=[
            report_file(head)]), "report.items")

    def test_no_attachment_and_too_many(self) -> None:
        head, full = self.both()
        _, verdict = self.send(self.me.message("MP_HinvEndpoint", head))
        self.assertIn("report.attachments", verdict.failed())
        _, verdict = self.send(self.me.message("MP_HinvEndpoint", head, files=[
            report_file(full), report_file(full)]))
        self.assertIn("report.attachments", verdict.failed())
        for name in ("state", "status"):
            _, verdict = self.send(self.raw(name, files=[report_file(full)]))
            self.assertIn("report.attachments", verdict.failed())

    def test_metering_may_be_attached(self) -> None:
        smsid = self.me.smsid
        self.sound(self.me.message(
            "MP_RelayEndpoint", samples.metering(smsid, False), kind="SWM",
            files=[report_file(samples.metering(smsid))]))

    def test_collected_files_are_bytes_of_any_kind(self) -> None:
        data = bytes(range(256)) * 3
        body = samples.files(self.me.smsid, (len(data), 0))
        self.sound(self.me.message("MP_SinvCollFileEndpoint", body, files=[
            File("1", data), File("2", b"")]))
        self.fails(self.me.message("MP_SinvCollFileEndpoint", body, files=[
            File("1", data)]), "files.attachments")
        self.fails(self.me.message("MP_SinvCollFileEndpoint", body, files=[
            File("1", data), File("3", b"")]), "files.attachments")


class Fallback(scene.Scene):
    def raw(self, text: str, verb: str = "POST") -> bytes:
        data = text.encode("utf-8")
        return (f"{verb} /SMS_FSP/.sms_fsp HTTP/1.1\r\n"
                "User-Agent: ConfigMgr Messaging HTTP Sender\r\n"
                f"Host: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
                ).encode("ascii") + data

    def test_a_raw_state_message_is_taken_from_anybody(self) -> None:
        smsid = "GUID:0D5A4B1C-1111-2222-3333-444455556666"
        good = samples.fsp(smsid)
        reply, verdict = self.sound(self.raw(good))
        self.assertEqual((reply.status, verdict.kind), (200, "fsp"))
        self.assertEqual(verdict.client_id, smsid)
        for old, new, check in (
                (' IDFlag="0"', "", "report.client_id_attributes"),
                ("GUID:", "", "identity.managed"),
                ("<ReportType>Full", "<ReportType>Delta", "report.type"),
                ("<Report>", "<?xml version='1.0'?><Report>",
                 "fsp.no_declaration"),
                ('ID="2" Crit', 'ID="x" Crit', "state.state")):
            with self.subTest(check):
                self.fails(self.raw(good.replace(old, new, 1)), check)
        reply, _ = self.fails(self.raw(good, "CCM_POST"), "http.method")
        self.assertEqual(reply.status, 405)


if __name__ == "__main__":
    unittest.main()
