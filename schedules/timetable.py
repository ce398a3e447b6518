"""The timetable: one row a recurring job, with its name, when it is due, whose job is sent, and its catch-up."""

from datetime import timedelta
from typing import Any

from actors.data_generation import cleanup_old_data, generate_data_continuous
from actors.default import CANARIES
from actors.evaluation import evaluate_tutor_performance
from actors.prediction import batch_predict_churn, monitor_predictions
from actors.training import train_models
from schedules.slots import Cron, Every, Recurrence, cron
from schedules.tick import CatchUp, Entry
from tutormax.jobs import JobActor
from tutormax.settings import Settings

CANARY_INTERVAL = timedelta(seconds=30)


def timetable(settings: Settings) -> tuple[Entry, ...]:
    """Return what these settings make recur; a name, once given, stays."""
    grace = timedelta(seconds=settings.schedule_grace_seconds)

    def at(expression: str) -> Cron:
        return cron(expression, settings.zone)

    def entry(name: str, when: Recurrence, actor: JobActor[..., Any], catch_up: CatchUp) -> Entry:
        return Entry(name, when, actor, catch_up, grace)

    generation_interval = timedelta(seconds=settings.data_gen_interval_seconds)
    generation = entry("continuous_generation", Every(generation_interval), generate_data_continuous, CatchUp.NONE)
    return (
        *((generation,) if settings.generation_enabled else ()),
        entry("evaluation", at("*/15 * * * *"), evaluate_tutor_performance, CatchUp.LAST),
        entry("nightly_churn_batch", at("0 0 * * *"), batch_predict_churn, CatchUp.LAST),
        entry("training", at("0 2 * * *"), train_models, CatchUp.LAST),
        entry("cleanup", at("0 3 * * *"), cleanup_old_data, CatchUp.LAST),
        entry("monitoring", at("0 4 * * *"), monitor_predictions, CatchUp.LAST),
        *(entry(f"canary_{queue}", Every(CANARY_INTERVAL), canary, CatchUp.NONE) for queue, canary in CANARIES.items()),
    )
