"""IDMIF (SDK facts 4.7): the tree of a file collection, through the relay."""

from __future__ import annotations

import files


class Reader(files.Reader):
    kind = "idmif"
    content = ("IDMIF",)
    action_id = 11
