"""The shape of arguments: what means the same to everybody who reads it from the ledger, and is not too much of it."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

# Arguments are names of rows and a few scalars; whoever needs more has rows to write.
MOST_BYTES = 16 * 1024
MOST_DEPTH = 8
LARGEST_NUMBER = 2**63


def fault(packed: Mapping[str, Any]) -> str | None:
    """Return what is wrong with arguments that are JSON values; None where nothing is."""
    for depth, value in _values(packed):
        wrong = f"more than {MOST_DEPTH} levels" if depth > MOST_DEPTH else _fault(value)
        if wrong:
            return f"{wrong} in the arguments; store rows, send names"
    if len(msgspec.json.encode(packed)) > MOST_BYTES:
        return f"more than {MOST_BYTES} bytes of arguments; store rows, send names"
    return None


def _values(packed: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    # A stack of our own: the interpreter's ends where somebody nests deep enough.
    waiting: list[tuple[int, Any]] = [(1, packed)]
    while waiting:
        depth, value = waiting.pop()
        yield depth, value
        if isinstance(value, Mapping):
            waiting += [(depth + 1, inner) for pair in value.items() for inner in pair]
        elif isinstance(value, list | tuple):
            waiting += [(depth + 1, inner) for inner in value]


def _fault(value: Any) -> str | None:
    if isinstance(value, str):
        # PostgreSQL keeps no NUL, and half a surrogate is no text.
        odd = any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)
        return "text that cannot be kept" if odd else None
    if isinstance(value, float):
        # PostgreSQL gives a large one back as a whole number, all of its digits.
        return None if abs(value) < LARGEST_NUMBER else f"{value}, which is no number of 64 bits,"
    if isinstance(value, int):
        return None if -LARGEST_NUMBER <= value < LARGEST_NUMBER else "a number of more than 64 bits"
    return None
