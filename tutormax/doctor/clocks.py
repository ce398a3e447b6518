"""Clocks: slots and leases go by the database's, what a process tells by its own; they must not be far apart."""

from datetime import UTC, datetime

from tutormax.doctor.finding import Finding, Level, judged

WORRYING_SECONDS = 1.0
# Half of what TutorMaxClockAhead tells of.
WRONG_SECONDS = 5.0


def compared(whose: str, asked: datetime, told: datetime, answered: datetime) -> Finding:
    """Compare a server's clock with ours; it was read between asking and answering."""
    slack = (answered - asked).total_seconds() / 2
    ahead = (told - (asked + (answered - asked) / 2)).total_seconds()
    apart = max(0.0, abs(ahead) - slack)
    direction = "ahead" if ahead > 0 else "behind"
    said = f"{apart:.1f} s {direction} of this machine" if apart else "agrees with this machine"
    remedy = "let both machines follow one source of time: chronyc tracking, timedatectl"
    return judged(
        f"clock of {whose}",
        said,
        {
            Level.FAULT: remedy if apart > WRONG_SECONDS else None,
            Level.WARNING: remedy if apart > WORRYING_SECONDS else None,
        },
    )


def now() -> datetime:
    """Return this machine's time."""
    return datetime.now(UTC)
