"""Location requests (wire facts 8.5): unsigned questions. This site has no
answer to them and says nothing, as in the recordings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import auth
import xmltext

if TYPE_CHECKING:
    from point import Exchange

ROOTS = ("AssignedSiteRequest", "SiteInformationRequest",
         "ContentLocationRequest")


def answer(ex: Exchange) -> None:
    auth.check_unsigned(ex.message, ex.verdict)
    ex.verdict.equal("msg.reply_mode", ex.message.get("ReplyMode"), "Sync")
    root = xmltext.parse(ex.payload.body, "the location request")
    ex.verdict.check("location.root", root.tag in ROOTS,
                     f"the body is {root.tag}")
    ex.verdict.check("location.schema", root.get("SchemaVersion") == "1.00",
                     f"SchemaVersion is {root.get('SchemaVersion')!r}")
