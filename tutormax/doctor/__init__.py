"""The doctor: whether everything that TutorMax needs is there, allowed, recent and whole, and what to do where not."""

from collections.abc import Iterator

from tutormax import settings
from tutormax.doctor import brokers, databases, machine
from tutormax.doctor.finding import Finding, Level, fault, well
from tutormax.errors import TutorMaxError

__all__ = ["Finding", "Level", "examine"]


def examine() -> Iterator[Finding]:
    """Look at everything; what cannot be looked at because something else is wrong is left out."""
    yield from machine.versions()
    try:
        limits = settings.current()
    except TutorMaxError as error:
        yield fault("settings", str(error), "correct what is named: deploy/configuration.md")
        return
    yield well("settings", f"{len(settings.Settings.model_fields)} are right")
    yield from machine.misspelt()
    yield from machine.disk(limits)
    yield from databases.examine(limits)
    yield from brokers.examine()
