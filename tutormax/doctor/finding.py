"""What the doctor finds."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it stands with something."""

    WELL = "well"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; what is not well has a remedy."""

    name: str
    level: Level
    said: str
    remedy: str = ""


def well(name: str, said: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(name, Level.WELL, said)


def warning(name: str, said: str, remedy: str) -> Finding:
    """Return what should be mended when there is time."""
    return Finding(name, Level.WARNING, said, remedy)


def fault(name: str, said: str, remedy: str) -> Finding:
    """Return what has to be mended before TutorMax works as it should."""
    return Finding(name, Level.FAULT, said, remedy)


def judged(name: str, said: str, remedies: dict[Level, str | None]) -> Finding:
    """Return the worst level that has a remedy, or that all is well."""
    for level in (Level.FAULT, Level.WARNING):
        remedy = remedies.get(level)
        if remedy is not None:
            return Finding(name, level, said, remedy)
    return well(name, said)


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
