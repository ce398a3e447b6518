"""An actor's arguments as options of a command line: names, types in words, and values checked before they are used."""

import difflib
import math
import re
from argparse import ArgumentTypeError
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from tutormax.jobs import JobActor

# What a type is called on a command line, and what a value of it looks like.
KINDS: dict[object, tuple[str, str]] = {
    int: ("INTEGER", "a whole number like 500"),
    float: ("NUMBER", "a number like 0.5"),
    str: ("TEXT", "text"),
    bool: ("true|false", "true or false"),
    date: ("DATE", "a date like 2026-01-08"),
    datetime: ("INSTANT", "an instant with its zone like 2026-01-08T14:30:00Z"),
}
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST_KEY = 200
HIGHEST_PRIORITY = 100


@dataclass(frozen=True, slots=True)
class Option:
    """One argument of an actor, as it is written on a command line."""

    name: str
    type: Any
    required: bool
    default: object

    @property
    def flag(self) -> str:
        """The option: `--num-tutors`."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def kind(self) -> str:
        """The type in a word: `INTEGER`."""
        return _kind(self.type)[0]

    @property
    def shown_default(self) -> str:
        """What the value is when the option is not given; empty when the actor decides or there must be one."""
        return "" if self.required or self.default is None else str(self.default)

    def read(self, text: str) -> object:
        """Return the value that a text stands for; raise ArgumentTypeError saying what would be right."""
        try:
            value = msgspec.convert(text, self.type, strict=False)
        except msgspec.ValidationError:
            value = None
        if value is None or not _can_be_kept(value):
            raise ArgumentTypeError(f"{text!r} is not {_kind(self.type)[1]}")
        return value


def options(actor: JobActor[Any, Any]) -> list[Option]:
    """Return the arguments of an actor in the order in which it declares them."""
    return [
        Option(
            name=parameter.name,
            type=_bare(actor.arguments.types[parameter.name]),
            required=parameter.default is parameter.empty,
            default=None if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in actor.arguments.parameters
    ]


def delay(text: str) -> timedelta:
    """Return the time span that a text like 10m stands for."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smhd])", text, re.ASCII)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is not a number with s, m, h or d like 10m")
    return timedelta(**{UNITS[match[2]]: float(match[1])})


def instant(text: str) -> datetime:
    """Return the instant that a text stands for, in UTC; it must name its zone."""
    value = Option("at", datetime, required=True, default=None).read(text)
    if not isinstance(value, datetime):
        raise ArgumentTypeError(f"{text!r} is not {KINDS[datetime][1]}")
    return value.astimezone(UTC)


def key(text: str) -> str:
    """Return a key under which there is one job at a time."""
    if not (0 < len(text) <= LONGEST_KEY and text.isprintable()):
        raise ArgumentTypeError(f"{text!r} is not 1 to {LONGEST_KEY} printable characters")
    return text


def priority(text: str) -> int:
    """Return a priority; higher ones run first."""
    if not re.fullmatch(r"[+-]?\d{1,3}", text, re.ASCII) or abs(int(text)) > HIGHEST_PRIORITY:
        raise ArgumentTypeError(f"{text!r} is not a whole number from -{HIGHEST_PRIORITY} to {HIGHEST_PRIORITY}")
    return int(text)


def seconds(text: str) -> float:
    """Return a number of seconds."""
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", text, re.ASCII):
        raise ArgumentTypeError(f"{text!r} is not a number of seconds like 600")
    return float(text)


def count(text: str) -> int:
    """Return how many are meant, one at least."""
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 to 999999")
    return int(text)


def filled(text: str) -> str:
    """Return a text that is not empty: a filter that names nothing would let everything through."""
    if not text.strip():
        raise ArgumentTypeError("it is empty")
    return text


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Return `: did you mean ...?` if something known is close, else nothing."""
    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f": did you mean {close[0]}?" if close else ""


def _kind(kind: Any) -> tuple[str, str]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        values = [str(member.value) for member in kind]
        return "|".join(values), f"one of {', '.join(values)}"
    return KINDS.get(kind, ("VALUE", "what the actor takes"))


def _bare(kind: Any) -> Any:
    """Return the one type of `T | None`; anything else as it is."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    others = [member for member in get_args(kind) if member is not NoneType]
    return others[0] if len(others) == 1 else kind


def _can_be_kept(value: object) -> bool:
    """Tell whether a value means the same to everybody who reads it from the ledger."""
    if isinstance(value, datetime):
        return value.tzinfo is not None
    if isinstance(value, str):
        # A command line may hold bytes that are no text, and PostgreSQL keeps no NUL.
        return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)
    return not isinstance(value, float) or math.isfinite(value)
