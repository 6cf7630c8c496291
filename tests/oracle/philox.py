# SPDX-License-Identifier: BSD-3-Clause
"""Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
1, 2, 3", 2011), in Python integers.
"""

import math

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)  # golden ratio, square root of 3 minus 1
WORD = 0xFFFFFFFF

# (counter, key, output): the known answers published with Random123.
KNOWN_ANSWERS = (
    (
        (0x00000000, 0x00000000, 0x00000000, 0x00000000),
        (0x00000000, 0x00000000),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)


def philox4x32(counter, key, rounds=10):
    """Four 32-bit words from four words of counter and two of key."""
    c0, c1, c2, c3 = (int(c) for c in counter)
    k0, k1 = (int(k) for k in key)
    for _ in range(rounds):
        p0 = MULTIPLIERS[0] * c0
        p1 = MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (p1 >> 32) ^ c1 ^ k0,
            p1 & WORD,
            (p0 >> 32) ^ c3 ^ k1,
            p0 & WORD,
        )
        k0 = (k0 + KEY_STEPS[0]) & WORD
        k1 = (k1 + KEY_STEPS[1]) & WORD
    return c0, c1, c2, c3


def keep_mask(rate, seed, step, n):
    """Which of the first `n` elements dropout keeps (list of bool).

    Eight elements share the counter (element // 8, step), as csrc/rng.h says; each has
    16 of its bits, low half of a word first, and is dropped below 65536 rate.
    """
    key = seed & WORD, seed >> 32
    kept = []
    for block in range(-(-n // 8)):
        counter = block & WORD, block >> 32, step & WORD, step >> 32
        for word in philox4x32(counter, key):
            kept += [
                half >= int(rate * 65536 + 0.5) for half in (word & 0xFFFF, word >> 16)
            ]
    return kept[:n]


def normals(seed, step, n):
    """The first `n` normal numbers of a step, and their radii (lists).

    Four elements share the counter (element // 4, step), two each a pair of words: Box
    and Muller's radius from 31 bits of the first; of the second the upper two bits turn
    an angle between -pi/4 and pi/4, made of the others, to one of four sides.
    """
    key = seed & WORD, seed >> 32
    values, radii = [], []
    for block in range(-(-n // 4)):
        counter = block & WORD, block >> 32, step & WORD, step >> 32
        words = philox4x32(counter, key)
        for first, second in (words[:2], words[2:]):
            radius = math.sqrt(-2.0 * math.log(((first >> 1) + 0.5) / 2**31))
            part = (second & 0x3FFFFFFF) / 2**30
            angle = (part - (part >= 0.5)) * math.pi / 2
            x, y = radius * math.cos(angle), radius * math.sin(angle)
            x = -x if second >> 30 & 1 else x
            values += (y, x) if second >> 31 else (x, y)
            radii += radius, radius
    return values[:n], radii[:n]


def bits64(seed, stream, i):
    """64-bit number `i` of a stream: two to a counter (i // 2, stream)."""
    block = i // 2
    counter = block & WORD, block >> 32, stream & WORD, stream >> 32
    words = philox4x32(counter, (seed & WORD, seed >> 32))
    low, high = words[2 * (i % 2) : 2 * (i % 2) + 2]
    return low | high << 32


def permutation(seed, epoch, n):
    """The order of rows in an epoch: Fisher and Yates from the top, r n / 2^64."""
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = bits64(seed, epoch, i) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return order
