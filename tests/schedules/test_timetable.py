"""The timetable: what recurs, when, and what becomes of missed slots."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from schedules.tick import CatchUp, Entry
from schedules.timetable import timetable
from tutormax import settings
from tutormax.broker import Queue

NOW = datetime(2026, 6, 15, 12, 7, tzinfo=UTC)
NEW_YORK = settings.load(schedule_timezone="America/New_York", generation_enabled=True, data_gen_interval_seconds=90)


def entry(name: str) -> Entry:
    return next(entry for entry in timetable(NEW_YORK) if entry.name == name)


@pytest.mark.parametrize(
    ("name", "when", "zone", "actor", "catch_up"),
    [
        ("continuous_generation", "every 90 s", "UTC", "generate_data_continuous", CatchUp.NONE),
        ("evaluation", "*/15 * * * *", "UTC", "evaluate_tutor_performance", CatchUp.LAST),
        ("nightly_churn_batch", "0 0 * * *", "America/New_York", "batch_predict_churn", CatchUp.LAST),
        ("training", "0 2 * * *", "America/New_York", "train_models", CatchUp.LAST),
        ("cleanup", "0 3 * * *", "America/New_York", "cleanup_old_data", CatchUp.LAST),
        ("monitoring", "0 4 * * *", "America/New_York", "monitor_predictions", CatchUp.LAST),
        ("canary_training", "every 30 s", "UTC", "canary_training", CatchUp.NONE),
    ],
)
def test_what_recurs(name: str, when: str, zone: str, actor: str, catch_up: CatchUp) -> None:
    row = entry(name)

    assert (str(row.when), row.when.zone, row.actor.actor_name) == (when, ZoneInfo(zone), actor)
    assert row.catch_up is catch_up


def test_nothing_is_generated_unless_that_is_switched_on() -> None:
    names = {entry.name for entry in timetable(settings.load(generation_enabled=False))}

    assert {entry.name for entry in timetable(NEW_YORK)} - names == {"continuous_generation"}


def test_every_queue_has_its_canary() -> None:
    canaries = [entry for entry in timetable(NEW_YORK) if entry.name.startswith("canary")]

    assert {entry.actor.queue_name for entry in canaries} == set(Queue)


def test_names_are_given_once() -> None:
    names = [entry.name for entry in timetable(NEW_YORK)]

    assert len(set(names)) == len(names)


def test_every_row_makes_a_job_that_its_actor_takes() -> None:
    for row in timetable(NEW_YORK):
        slot = row.when.previous(NOW)

        request = row.request(slot)

        assert (request.slot, request.expires_at) == (slot, row.when.next(NOW))
