"""One good upload of each kind, as XML; tests spoil them."""

from __future__ import annotations

WHEN = "20261123101112.000000+000"
ACTION = ('<InventoryAction ActionType="Predefined"><InventoryActionID>'
          "{{00000000-0000-0000-0000-{0:012d}}}</InventoryActionID>"
          "<Description>{1}</Description><InventoryActionLastUpdateTime>"
          + WHEN + "</InventoryActionLastUpdateTime></InventoryAction>")
FILES = ("<FileCollectionAction><FileCollectionActionID>"
         "{{00000000-0000-0000-0000-{0:012d}}}</FileCollectionActionID>"
         "<Description>File Collection</Description></FileCollectionAction>")


def report(smsid: str, content: str, action: str, items: str,
           kind: str = "Full", id_attributes: str = "") -> str:
    body = f"<ReportBody>{items}</ReportBody>" if items else "<ReportBody />"
    return (
        "<Report><ReportHeader><Identification><Machine>"
        "<ClientInstalled>1</ClientInstalled><ClientType>1</ClientType>"
        f"<ClientID{id_attributes}>{smsid}</ClientID>"
        "<ClientVersion>5.00.9000.1000</ClientVersion>"
        "<NetBIOSName>PC1</NetBIOSName><CodePage>1252</CodePage>"
        "<SystemDefaultLCID>1033</SystemDefaultLCID><Priority>5</Priority>"
        "</Machine></Identification><ReportDetails>"
        f"<ReportContent>{content}</ReportContent>"
        f"<ReportType>{kind}</ReportType><Date>{WHEN}</Date>"
        "<Version>1.0</Version><Format>1.1</Format></ReportDetails>"
        f"{action}</ReportHeader>{body}</Report>")


def instance(name: str, *values: tuple[str, str], child: str = "",
             content: str = "New") -> str:
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in values)
    return (f'<Instance Content="{content}" Namespace="\\\\PC1\\root\\cimv2" '
            f'Class="{name}" ParentClass="{name}"><{child or name}>{inner}'
            f"</{child or name}></Instance>")


def ddr(smsid: str, items: bool = True, kind: str = "Full") -> str:
    rows = "".join(instance(name, ("Name", "x")) for name in (
        "CCM_ComputerSystem", "CCM_Client", "SMS_Authority",
        "CCM_ADSiteInfo", "CCM_DiscoveryData"))
    return report(smsid, "Inventory Data", ACTION.format(3, "Discovery"),
                  rows if items else "", kind)


def hinv(smsid: str, items: bool = True, kind: str = "Full") -> str:
    rows = instance("Win32_BIOS", ("Name", "BIOS"), ("Version", "A&amp;B"))
    return report(smsid, "Inventory Data", ACTION.format(1, "Hardware"),
                  rows + instance("CCM_System", ("Domain", "EXAMPLE"),
                                  content="Updated") if items else "", kind)


def sinv(smsid: str, items: bool = True, kind: str = "Full") -> str:
    rows = instance(
        "FileSystemFile", ("CompanyName", "Example"), ("FileDescription", ""),
        ("FileVersion", "1.2"), ("LastWriteDate", WHEN), ("Name", "a.exe"),
        ("Path", "C:\\Program Files\\"), ("ProductLanguage", "English"),
        ("ProductName", "A"), ("ProductVersion", "1"), ("Size", "1234"))
    return report(smsid, "Inventory Data", ACTION.format(2, "Software"),
                  rows if items else "", kind)


def collected(name: str, size: int, content: str = "new") -> str:
    return (f'<CollectedFile Content="{content}" ID="{name}">'
            f"<LastWriteDate>{WHEN}</LastWriteDate><Name>f{name}.log</Name>"
            f"<Path>C:\\Logs</Path><Size>{size}</Size></CollectedFile>")


def files(smsid: str, sizes: tuple[int, ...] = (5, 3), *,
          content: str = "FILECOLL", action: int = 10) -> str:
    rows = "".join(collected(str(number), size)
                   for number, size in enumerate(sizes, 1))
    rows += collected("99", 7, "deleted")
    return report(smsid, content, FILES.format(action), rows
                  + f"<CollectedFileSum>{len(sizes) + 1}</CollectedFileSum>",
                  "Delta")


def idmif(smsid: str, sizes: tuple[int, ...] = (5, 3)) -> str:
    return files(smsid, sizes, content="IDMIF", action=11)


STATE = (f'<StateMessage MessageTime="{WHEN}" SerialNumber="7">'
         '<Topic ID="{{C5E2F1A0-0000-4000-8000-000000000001}}" Type="402" '
         'IDType="3" User="" UserSID="" /><State ID="2" Criticality="0" />'
         '<StateDetails Type="1"><![CDATA[<any/>]]></StateDetails>'
         '<UserParameters Flags="0" Count="2"><Param>a</Param><Param>b'
         "</Param></UserParameters></StateMessage>")


def state(smsid: str) -> str:
    return ('<?xml version="1.0" encoding="utf-16"?>'
            + report(smsid, "State Message Data", "", STATE * 2))


def fsp(smsid: str) -> str:
    return report(smsid, "State Message Data", "", STATE,
                  id_attributes=' IDFlag="0" IDType="1"')


def metering(smsid: str, items: bool = True) -> str:
    rows = (
        '<ProductInfo CompanyName="E" ProductName="P" ProductVersion="1" '
        'ProductLanguage="English"><SoftwareFileInfo FileDescription="d" '
        'FileVersion="1" FileName="a.exe" FileSize="1234">'
        "<HistoricalMeterData "
        'MeterDataID="{C5E2F1A0-0000-4000-8000-0000000000AA}" '
        f'UserName="EXAMPLE\\bob" StartTime="{WHEN}" EndTime="{WHEN}" '
        'Status="9" /></SoftwareFileInfo></ProductInfo>')
    return report(smsid, "Software Metering Data", "", rows if items else "")


def status(smsid: str, name: str = "SoftDistDownloadStartedEvent") -> str:
    values = (("Severity", "0"), ("DateTime", WHEN), ("ClientID", smsid),
              ("PackageId", "PRI00001"), ("PackageName", "Office"),
              ("PackageVersion", "2"))
    rows = "".join(f'<Property Name="{key}">{value}</Property>'
                   for key, value in values)
    return ('<Status SchemaVersion="1.0" CodePage="1252" LocaleID="1033">'
            f"<Type>{name}</Type><Properties>{rows}</Properties>"
            '<Qualifiers><Qualifier Name="400">PRI00001</Qualifier>'
            "</Qualifiers></Status>")
