#!/usr/bin/env python3
"""Combine opened shares into the one-time identity of a bid.

usage: combine.py SHARE... > one.key

Each SHARE is a file of 33 bytes, y1...y32 then x, as `age -d -i custodian.key shareN.age` gives it.
Prints AGE-SECRET-KEY-1..., which is the right one if `age-keygen -y one.key` prints the
`seal_recipient` of the bid's manifest. Standard library only, so that it can be read in one go.
"""
import sys


def multiply(a, b):
    """Product in GF(256) modulo x^8 + x^4 + x^3 + x + 1 (0x11b)."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def inverse(a):
    return next(b for b in range(1, 256) if multiply(a, b) == 1)


def combine(shares):
    """Lagrange interpolation at 0, byte by byte."""
    secret = [0] * 32
    for share in shares:
        x, factor = share[32], 1
        for other in shares:
            if other is not share:
                factor = multiply(factor, multiply(other[32], inverse(other[32] ^ x)))
        secret = [s ^ multiply(y, factor) for s, y in zip(secret, share)]
    return secret


def bech32(prefix, data):
    """BIP 173, in upper case as age writes identities."""
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    values = [int(bits[i : i + 5], 2) for i in range(0, len(bits), 5)]
    check = 1
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    for value in expanded + values + [0] * 6:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= g if (top >> i) & 1 else 0
    check ^= 1
    values += [(check >> 5 * (5 - i)) & 31 for i in range(6)]
    return (prefix + "1" + "".join(alphabet[v] for v in values)).upper()


def main(paths):
    shares = [open(path, "rb").read() for path in paths]
    if len(shares) < 2 or any(len(share) != 33 or share[32] == 0 for share in shares):
        sys.exit("error: give at least two shares of 33 bytes each")
    if len({share[32] for share in shares}) != len(shares):
        sys.exit("error: two shares have the same x")
    print(bech32("age-secret-key-", combine(shares)))


if __name__ == "__main__":
    main(sys.argv[1:])
