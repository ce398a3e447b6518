"""How much is tried: a little at every `make test`, all of it by `make fuzz`."""

import os

FULL = os.environ.get("FUZZ") == "full"


def examples(few: int, many: int) -> int:
    """Return how many examples to try now."""
    return many if FULL else few
