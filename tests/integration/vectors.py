"""Known answers from Debian's python3-cryptography-vectors (RSA Laboratories'
and NIST's), and RSA blocks with every kind of wrong padding, made by plain
arithmetic. Knows nothing of the agent."""
import pathlib
import re

from cryptography.hazmat.primitives.asymmetric import ec, rsa

import cryptography_vectors

HOME = pathlib.Path(cryptography_vectors.__file__).parent / "asymmetric"
CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}


def fields(path):
    """(name, bytes) of each "# Name:" and the hex below it."""
    name, text = None, ""
    for line in (*path.read_text().splitlines(), "# end:"):
        heading = re.match(r"# ([A-Za-z0-9 ]+): *$", line)
        if heading:
            if name and text:
                yield name.lower(), bytes.fromhex(text)
            name, text = heading[1], ""
        elif line.startswith("#"):
            if name and text:
                yield name.lower(), bytes.fromhex(text)
            name, text = None, ""
        else:
            text += line


def number(data):
    return int.from_bytes(data, "big")


def rsa_sets(file, inputs):
    """(private key, [(input, output)]) for each key of a file: `inputs` are
    the names of what goes in and what comes out."""
    sets, parts, case = [], {}, {}
    for name, data in fields(HOME / "RSA" / file):
        parts[name] = data
        if name == "coefficient":
            sets.append((rsa_key(parts), []))
        elif name in inputs:
            case[name] = data
            if name == inputs[1]:
                sets[-1][1].append(tuple(case[n] for n in inputs))
    return sets


def rsa_key(parts):
    n, e, d, p, q, dp, dq, qi = (number(parts[name]) for name in (
        "modulus", "public exponent", "exponent", "prime 1", "prime 2",
        "prime exponent 1", "prime exponent 2", "coefficient"))
    return rsa.RSAPrivateNumbers(
        p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n)).private_key()


def ecdsa_sets():
    """(private key, hash, message): the first of each curve and hash."""
    text = (HOME / "ECDSA/FIPS_186-3/SigGen.txt").read_text()
    keys = {}
    for curve, digest, message, secret in re.findall(
            r"(?m)^\[(P-\d+),SHA-(\d+)\]\s+Msg = (\w+)\s+d = (\w+)", text):
        if curve in CURVES and digest in ("256", "384", "512"):
            key = ec.derive_private_key(int(secret, 16), CURVES[curve]())
            keys.setdefault((curve, digest),
                            (key, f"sha{digest}", bytes.fromhex(message)))
    return list(keys.values())


def raw(key, block):
    """The block to the public exponent: a ciphertext with any padding."""
    public = key.public_numbers()
    size = (public.n.bit_length() + 7) // 8
    return pow(number(block), public.e, public.n).to_bytes(size, "big")


def padded(size, message, first=0, second=2, fill=0x5a, hole=None):
    """00 02 padding 00 message; or as it is told. hole: a zero there."""
    block = bytearray([first, second])
    block += bytes([fill]) * (size - len(message) - 3) + b"\0" + message
    if hole is not None:
        block[hole] = 0
    return bytes(block)


def good_blocks(size):
    """(what, block, message)"""
    for what, length in (("empty", 0), ("one byte", 1), ("a content key", 32),
                         ("the longest", size - 11)):
        message = bytes((7 * i + 1) % 255 + 1 for i in range(length))
        yield what, padded(size, message), message
    yield ("zeros in the message", padded(size, b"\0a\0b\0"), b"\0a\0b\0")
    yield ("the shortest padding by a zero at 10",
           padded(size, b"", hole=10), bytes([0x5a]) * (size - 12) + b"\0")


def bad_blocks(size):
    """(what, block): Bleichenbacher's, Wycheproof's and what else there is."""
    message = b"a content-encryption key of 32 b"
    for value in (1, 2, 0x7f):
        yield f"first byte {value}", padded(size, message, first=value)[:size]
    for value in (0, 1, 3, 0x82, 0xff):
        yield f"second byte {value}", padded(size, message, second=value)
    for place in range(2, 10):
        yield f"zero at {place}", padded(size, message, hole=place)
    yield "no zero at all", b"\0\2" + bytes([0x5a]) * (size - 2)
    yield "zero as the first of the padding only", \
        b"\0\2\0" + bytes([0x5a]) * (size - 3)
    yield "a signature's padding", \
        padded(size, message, second=1, fill=0xff)
    yield "all zero", bytes(size)
    yield "one", bytes(size - 1) + b"\1"
    yield "all ones but the first", b"\0" + b"\xff" * (size - 1)
    yield "the message at the front", b"\0\2" + message + bytes(
        size - 2 - len(message))
    yield "shifted by a byte", padded(size, message)[1:] + b"\0"
