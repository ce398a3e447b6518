"""The dashboards, one a question, in the order in which one opens them."""

from grafana.src.dashboards import (
    actors,
    failures,
    models,
    objectives,
    overview,
    platform,
    queues,
    schedules,
    tutors,
    workers,
)

ALL = tuple(
    module.DASHBOARD
    for module in (overview, queues, actors, workers, schedules, failures, objectives, tutors, models, platform)
)
