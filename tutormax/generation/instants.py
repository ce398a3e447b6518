"""Instants as whole microseconds since 1970, UTC: one integer column for each time."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from tutormax.generation.process import Floats, Integers, Parameters

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# Later than every instant: what has not happened, or is not known.
NEVER = int(np.iinfo(np.int64).max)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def of(instant: datetime) -> int:
    """Return an instant as microseconds."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def as_datetime(instant: int) -> datetime:
    """Return microseconds as an instant in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def day_of(instant: int) -> int:
    """Return the day that an instant falls on, in UTC, counted from 1 January 1970."""
    return instant // DAY


def as_date(day: int) -> date:
    """Return a day counted from 1 January 1970 as a date."""
    return (_EPOCH + timedelta(days=day)).date()


def day_number(day: date) -> int:
    """Return a date as a day counted from 1 January 1970."""
    return (day - _EPOCH.date()).days


def spread(low: Integers | int, high: Integers | int, chance: Floats) -> Integers:
    """Return an instant between two for each chance in [0, 1)."""
    return np.asarray(low + ((np.asarray(high) - low) * chance).astype(np.int64))


def arrival(happened: Integers, lag: Integers | int, parameters: Parameters, first_day: int) -> Integers:
    """Return when news of what happened arrives: after its lag, and in an outage all at once when it is over.

    What happened earlier never arrives later on account of the outage.
    """
    arrived = np.asarray(happened + lag)
    if parameters.outage_day is None:
        return arrived
    begins = (first_day + parameters.outage_day) * DAY + 6 * HOUR
    ends = begins + int(parameters.outage_hours * HOUR)
    # A thousandth of the time that it waited keeps the order; what happens just after waits for the rest.
    burst = ends + (np.minimum(arrived, ends) - begins) // 1000
    return np.where(arrived < begins, arrived, np.maximum(arrived, burst))
