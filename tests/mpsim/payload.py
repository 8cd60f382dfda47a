"""The payload of a message: decrypted, decompressed, cut into body and
attachments (wire facts 1.4, 7, 8.1). Knows no signature, but hands out the
bytes that one covers.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Sequence

from cryptography.hazmat.primitives.asymmetric import rsa

import cms
import xmltext
from checks import Malformed, Verdict
from message import Message

CLEAR_MAX = 64 << 20
CRLF = b"\r\n"
MARK = b"\xff\xfe"
NUL = b"\0\0"


@dataclass
class Payload:
    signed: bytes            # what PayloadSignature covers
    body: str                # without byte order mark and NUL
    attachments: list[str]


def inflate(data: bytes, verdict: Verdict) -> bytes:
    stream = zlib.decompressobj()
    try:
        clear = stream.decompress(data, CLEAR_MAX)
    except zlib.error as error:
        raise Malformed(f"the payload is not zlib: {error}") from None
    if not stream.eof:
        raise Malformed("the payload's zlib stream is cut or too large")
    verdict.check("payload.zlib_whole", not stream.unused_data,
                  "bytes follow the zlib stream")
    return clear


def decrypt(data: bytes, keys: Sequence[rsa.RSAPrivateKey],
            verdict: Verdict) -> bytes:
    trouble = "no key"
    for key in keys:
        try:
            clear = cms.open_enveloped(data, key)
        except ValueError as error:
            trouble = str(error) or "the padding is wrong"
            continue
        verdict.check("payload.encryption", True)
        return clear
    verdict.check("payload.encryption", False, trouble)
    raise Malformed(f"the payload cannot be decrypted: {trouble}")


def open_payload(message: Message, data: bytes,
                 keys: Sequence[rsa.RSAPrivateKey],
                 verdict: Verdict) -> Payload:
    """Undoes the hooks and cuts the clear bytes; keys are the MP's own."""
    encrypted = message.hook("encrypt") is not None
    verdict.check("payload.encryption", None)
    signed = decrypt(data, keys, verdict) if encrypted else data
    compressed = message.hook("zlib-compress") is not None
    verdict.check("payload.compressed", compressed or None)
    clear = inflate(signed, verdict) if compressed else signed
    verdict.check("payload.crlf", clear.endswith(CRLF),
                  "the clear payload must end in CR LF")
    clear = clear.removesuffix(CRLF)
    if message.attachments:
        first, attachments = cut(message, clear, verdict)
    else:
        first, attachments = clear, []
        verdict.equal("payload.length", message.body_length, len(clear))
    return Payload(signed, body_text(first, message, verdict), attachments)


def cut(message: Message, clear: bytes,
        verdict: Verdict) -> tuple[bytes, list[str]]:
    """Body, then each attachment where it says it is, nothing else."""
    length = message.body_length or 0
    at, texts = length, []
    for attachment in message.attachments:
        chunk = clear[attachment.offset:attachment.offset + attachment.length]
        verdict.check("payload.attachments", attachment.offset == at
                      and len(chunk) == attachment.length
                      and chunk.startswith(MARK) and not chunk.endswith(NUL),
                      f"attachment {attachment.name!r} is not at {at}, cut, "
                      "without FF FE or with a NUL")
        at = attachment.offset + attachment.length
        text = xmltext.decode(chunk.removeprefix(MARK), "an attachment")
        xmltext.parse(text.rstrip("\0"), "an attachment")
        texts.append(text)
    verdict.check("payload.length", at == len(clear),
                  f"body and attachments end at {at} of {len(clear)} bytes")
    return clear[:length], texts


def body_text(data: bytes, message: Message, verdict: Verdict) -> str:
    text = xmltext.decode(data, "the body")
    verdict.check("payload.no_bom", not text.startswith(xmltext.BOM),
                  "the body must not begin with FF FE")
    text = text.removeprefix(xmltext.BOM)
    verdict.check("payload.nul", text.endswith("\0")
                  and "\0" not in text[:-1],
                  "the body must end in exactly one NUL")
    text = text.rstrip("\0")
    if message.endpoint != "MP_RelayEndpoint":
        verdict.check("payload.no_declaration", not text.startswith("<?xml"),
                      "the body has no XML declaration")
    return text
