"""How large a marketplace is measured: `SIZE` in the environment is S, N, L or XL, or `TUTORS` a number."""

import os
from dataclasses import dataclass
from typing import Self

DAYS = 90
SESSIONS_PER_TUTOR_DAY = 2.03


@dataclass(frozen=True, slots=True)
class Size:
    """Some tutors who are generated, each copied until there are as many as are wanted."""

    name: str
    generated: int
    copies: int = 1
    # How often each stage is measured; the median counts.
    rounds: int = 5

    @property
    def tutors(self) -> int:
        """How many tutors there are in all."""
        return self.generated * self.copies

    def sessions(self, days: int = DAYS) -> int:
        """How many sessions of so many days are generated, before any is copied."""
        return round(self.generated * days * SESSIONS_PER_TUTOR_DAY)

    @classmethod
    def of(cls, tutors: int) -> Self:
        """Return the size of an odd number of tutors."""
        return cls(f"{tutors:,} tutors", tutors)


# To invent millions of sessions takes long, and is not what is measured there.
SIZES = {
    size.name: size
    for size in (Size("S", 300), Size("N", 1500), Size("L", 1500, copies=10, rounds=3), Size("XL", 1500, 100, rounds=1))
}


def chosen() -> Size:
    """Return the size that the environment names, else N."""
    tutors, name = os.environ.get("TUTORS"), os.environ.get("SIZE", "N")
    if tutors is None and name not in SIZES:
        raise SystemExit(f"SIZE={name} is none of {', '.join(SIZES)}; TUTORS=700 makes an odd one")
    return Size.of(int(tutors)) if tutors is not None else SIZES[name]


def rounds(size: Size) -> int:
    """Return how often each stage is measured: as the environment says, else as the size does."""
    return int(os.environ.get("ROUNDS", size.rounds))
