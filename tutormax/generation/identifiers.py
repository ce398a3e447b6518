"""Names without meaning: 64 bits, so that two rows of one kind never share a name."""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutormax.generation.process import Integers

DIGITS = 16
_HEX = np.frombuffer(b"".join(f"{byte:02x}".encode() for byte in range(256)), dtype="u2")


class Kind(IntEnum):
    """What is named; serial numbers of different kinds get unrelated names."""

    TUTOR = 1
    STUDENT = 2
    SESSION = 3
    FEEDBACK = 4
    EVENT = 5


# The names of what there is most of rise with their numbers (below 2^32), so that an index takes them at its end and
# not everywhere. Nobody looks these two up by name, so a world may be continued that was begun with other names.
_RISING = (Kind.FEEDBACK, Kind.EVENT)
_HALF = np.uint64(32)


def scrambled(numbers: Integers | NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return 64 bits for each number that look like chance and are never the same for two numbers (splitmix64)."""
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def external_digits(seed: int, kind: Kind, serials: Integers) -> NDArray[Any]:
    """Return the names of serial numbers, as one row of ASCII hexadecimal digits each."""
    key = scrambled(np.array([seed * 8 + kind]))
    numbers = serials.astype(np.uint64)
    names = scrambled(numbers ^ key)
    if kind in _RISING:
        names = numbers << _HALF | names >> _HALF
    octets = names.astype(">u8").view(np.uint8)
    return _HEX[octets].view(np.uint8).reshape(-1, DIGITS)


def external_ids(seed: int, kind: Kind, serials: Integers) -> list[str]:
    """Return the names of serial numbers."""
    joined = external_digits(seed, kind, serials).tobytes().decode("ascii")
    return [joined[at : at + DIGITS] for at in range(0, len(joined), DIGITS)]
