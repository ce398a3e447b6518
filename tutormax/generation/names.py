"""Names for tutors who do not exist: for the eye only, several share one."""

from tutormax.generation.identifiers import scrambled
from tutormax.generation.process import Integers

FIRST_NAMES = (
    "Ada", "Amir", "Anna", "Ben", "Chen", "Clara", "Daniel", "Elena", "Emil", "Farid", "Grace", "Hana", "Hugo", "Ines",
    "Ivan", "Jonas", "Kofi", "Lara", "Leila", "Luca", "Maria", "Mehmet", "Mina", "Noah", "Olga", "Omar", "Priya",
    "Rosa", "Samuel", "Sofia", "Tariq", "Yuki",
)  # fmt: skip
INITIALS = "ABCDEFGHIJKLMNOPRSTVWZ"


def names(ordinals: Integers) -> list[str]:
    """Return a name for each tutor."""
    return [
        f"{FIRST_NAMES[mixed % len(FIRST_NAMES)]} {INITIALS[mixed // 1024 % len(INITIALS)]}."
        for mixed in map(int, scrambled(ordinals))
    ]
