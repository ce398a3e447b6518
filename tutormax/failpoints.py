"""Failpoints: the named boundaries at which tests kill, break and stall a process; nothing happens there otherwise.

No setting and no variable of the environment reaches this module. Code that wants something to happen at a boundary
runs in the process and says so with `arm`; ours does so nowhere but in tests.
"""

from collections.abc import Callable
from enum import StrEnum


class Failpoint(StrEnum):
    """Before and after each step whose other side is somebody else's."""

    BEFORE_TAKE = "before_take"
    AFTER_TAKE = "after_take"
    BEFORE_EFFECT = "before_effect"
    AFTER_EFFECT = "after_effect"
    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"
    BEFORE_PIECE = "before_piece"
    AFTER_PIECE = "after_piece"
    BEFORE_ACK = "before_ack"
    AFTER_ACK = "after_ack"
    BEFORE_RING = "before_ring"
    AFTER_RING = "after_ring"
    BEFORE_SLOT = "before_slot"
    AFTER_SLOT = "after_slot"
    BEFORE_RENAME = "before_rename"
    AFTER_RENAME = "after_rename"
    BEFORE_LINK = "before_link"
    AFTER_LINK = "after_link"
    BEFORE_DROP = "before_drop"
    AFTER_DROP = "after_drop"
    BEFORE_INGEST_COMMIT = "before_ingest_commit"
    AFTER_INGEST_COMMIT = "after_ingest_commit"


Act = Callable[[Failpoint], None]


class _Armed:
    act: Act | None = None


def reach(point: Failpoint) -> None:
    """Say that a boundary is reached."""
    if _Armed.act is not None:
        _Armed.act(point)


def arm(act: Act | None) -> None:
    """Let something happen at boundaries of this process from now on; None: nothing any more."""
    _Armed.act = act
