"""How much still fits into something that others fill and empty too, looked at no more often than is worth it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

LOOK_AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class _Look:
    left: int
    at: float


class Room:
    """What one process knows of the room in some places; a look is good for a second, or until it is used up."""

    def __init__(self) -> None:
        self._looks: dict[str, _Look] = {}

    def take(self, place: str, wanted: int, look: Callable[[], int]) -> int:
        """Return how many of those wanted fit; what fits is taken."""
        known = self._looks.get(place)
        if known is None or known.left < wanted or time.monotonic() - known.at > LOOK_AGAIN_SECONDS:
            known = self._looks[place] = _Look(look(), time.monotonic())
        fits = max(0, min(wanted, known.left))
        known.left -= fits
        return fits
