"""MD4 (RFC 1320), which NTLM hashes passwords with and OpenSSL has retired.
"""

from __future__ import annotations

import struct

MASK = 0xFFFFFFFF
ROUNDS = (
    (lambda x, y, z: (x & y) | (~x & z), 0x00000000, (3, 7, 11, 19),
     tuple(range(16))),
    (lambda x, y, z: (x & y) | (x & z) | (y & z), 0x5A827999, (3, 5, 9, 13),
     (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)),
    (lambda x, y, z: x ^ y ^ z, 0x6ED9EBA1, (3, 9, 11, 15),
     (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)))


def rotate(value: int, by: int) -> int:
    value &= MASK
    return (value << by | value >> (32 - by)) & MASK


def digest(data: bytes) -> bytes:
    padded = data + b"\x80" + bytes((55 - len(data)) % 64)
    padded += struct.pack("<Q", len(data) * 8)
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    for at in range(0, len(padded), 64):
        words = struct.unpack("<16I", padded[at:at + 64])
        a, b, c, d = state
        for mix, plus, shifts, order in ROUNDS:
            for step, word in enumerate(order):
                a = rotate(a + mix(b, c, d) + words[word] + plus,
                           shifts[step % 4])
                a, b, c, d = d, a, b, c
        state = [(x + y) & MASK for x, y in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)
