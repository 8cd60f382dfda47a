"""The payload of a message: decrypted, decompressed, cut into body and
attachments (wire facts 1.4, 7, 8.1). Knows no signature, but hands out the
bytes that one covers.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Sequence

import cms
import xmltext
from certificates import Pair
from checks import Malformed, Verdict
from message import Message
from spool import PIECE, Spool

CLEAR_MAX = 512 << 20
BODY_MAX = 128 << 20
CRLF = b"\r\n"
MARK = b"\xff\xfe"
NUL = b"\0\0"
CIPHERS = {cms.DES3_CBC: "3des", cms.AES256_CBC: "aes-256"}


@dataclass
class Chunk:
    """An attachment as it lies in the payload."""
    name: str
    data: memoryview


@dataclass
class Payload:
    signed: memoryview       # what PayloadSignature covers
    body: str                # without byte order mark and NUL
    attachments: list[Chunk]


def inflate(data: memoryview, verdict: Verdict) -> memoryview:
    """In pieces, so that a large upload is not held twice."""
    stream, spool = zlib.decompressobj(), Spool()
    try:
        for at in range(0, len(data), PIECE):
            left = data[at:at + PIECE]
            while left and not stream.eof:
                spool.add(stream.decompress(left, PIECE))
                left = stream.unconsumed_tail
                if spool.size > CLEAR_MAX:
                    raise Malformed("the payload is too large")
            if stream.eof:
                verdict.check("payload.zlib_whole", not stream.unused_data
                              and at + PIECE >= len(data),
                              "bytes follow the zlib stream")
                break
    except zlib.error as error:
        raise Malformed(f"the payload is not zlib: {error}") from None
    if not stream.eof:
        raise Malformed("the payload's zlib stream is cut")
    return memoryview(spool.done())


def check_recipients(envelope: cms.Envelope, pairs: Sequence[Pair],
                     verdict: Verdict) -> bytes:
    """The content key: each of our certificates must be a recipient, and its
    key must open the content key (wire facts 7, item 3)."""
    found: set[bytes] = set()
    for number, pair in enumerate(pairs, 1):
        mine = [r for r in envelope.recipients if r.names(pair.cert)]
        if not verdict.check("payload.recipients", len(mine) == 1,
                             f"{len(mine)} of {len(envelope.recipients)} "
                             "recipients name our encryption certificate "
                             f"{number}"):
            continue
        try:
            found.add(mine[0].unwrap(pair.key))
        except ValueError as error:
            verdict.check("payload.recipients", False, str(error) or
                          "the padding is wrong")
    if not found:
        raise Malformed("the payload cannot be decrypted with our key")
    verdict.check("payload.recipients", len(found) == 1,
                  "recipients got different content keys")
    return found.pop()


def decrypt(data: memoryview, pairs: Sequence[Pair],
            verdict: Verdict) -> memoryview:
    try:
        envelope = cms.parse_enveloped(data)
        secret = check_recipients(envelope, pairs, verdict)
        clear = memoryview(envelope.open(secret))
    except ValueError as error:
        verdict.check("payload.encryption", False, str(error))
        raise Malformed(f"the payload cannot be decrypted: {error}") from None
    first = envelope.recipients[0]
    verdict.check("payload.encryption", True)
    verdict.check("payload.key_transport", all(
        r.transport == cms.RSA for r in envelope.recipients),
        "uploads are encrypted with RSA PKCS#1 v1.5")
    verdict.notes["cipher"] = CIPHERS[envelope.cipher]
    verdict.notes["recipients"] = (
        f"{len(envelope.recipients)}, by "
        + ("key id" if first.key_id else "issuer and serial"))
    if envelope.rest:
        verdict.notes["after_cms"] = f"{envelope.rest} bytes"
    return clear


def open_payload(message: Message, data: memoryview, pairs: Sequence[Pair],
                 verdict: Verdict) -> Payload:
    """Undoes the hooks and cuts the clear bytes; pairs are those to which a
    client may have to encrypt."""
    encrypted = message.hook("encrypt") is not None
    verdict.check("payload.encryption", None)
    signed = decrypt(data, pairs, verdict) if encrypted else data
    compressed = message.hook("zlib-compress") is not None
    verdict.check("payload.compressed", compressed or None)
    clear = inflate(signed, verdict) if compressed else signed
    ended = clear[-2:] == CRLF
    verdict.check("payload.crlf", ended,
                  "the clear payload must end in CR LF")
    clear = clear[:-2] if ended else clear
    if message.attachments:
        first, attachments = cut(message, clear, verdict)
    else:
        first, attachments = clear, []
        verdict.equal("payload.length", message.body_length, len(clear))
    return Payload(signed, body_text(first, message, verdict), attachments)


def cut(message: Message, clear: memoryview,
        verdict: Verdict) -> tuple[memoryview, list[Chunk]]:
    """Body, then each attachment where it says it is, nothing else."""
    length = message.body_length or 0
    at, chunks = length, []
    for attachment in message.attachments:
        end = attachment.offset + attachment.length
        verdict.check("payload.attachments", attachment.offset == at
                      and end <= len(clear),
                      f"attachment {attachment.name!r} is not at {at}, or "
                      "cut")
        at = end
        chunks.append(Chunk(attachment.name, clear[attachment.offset:end]))
    verdict.check("payload.length", at == len(clear),
                  f"body and attachments end at {at} of {len(clear)} bytes")
    return clear[:length], chunks


def report_of(chunk: Chunk, verdict: Verdict) -> memoryview:
    """An attachment that is a report: marked, not terminated (8.1)."""
    marked = chunk.data[:2] == MARK
    verdict.check("payload.attachment_bom", marked,
                  "an attached report must begin with FF FE")
    text = chunk.data[2:] if marked else chunk.data
    verdict.check("payload.attachment_nul", text[-2:] != NUL,
                  "an attached report must not end in a NUL")
    return text[:-2] if text[-2:] == NUL else text


def body_text(data: memoryview, message: Message, verdict: Verdict) -> str:
    if len(data) > BODY_MAX:
        raise Malformed(f"the body is longer than {BODY_MAX} bytes")
    text = xmltext.decode(data, "the body")
    verdict.check("payload.no_bom", not text.startswith(xmltext.BOM),
                  "the body must not begin with FF FE")
    text = text.removeprefix(xmltext.BOM)
    verdict.check("payload.nul", text.find("\0") == len(text) - 1 >= 0,
                  "the body must end in exactly one NUL")
    text = text.rstrip("\0")
    if message.endpoint != "MP_RelayEndpoint":
        verdict.check("payload.no_declaration", not text.startswith("<?xml"),
                      "the body has no XML declaration")
    return text
