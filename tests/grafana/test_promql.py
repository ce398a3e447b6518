"""What an expression asks for is read off it."""

import pytest

from grafana.src import known, promql
from grafana.src.promql import Selector


def test_selectors_carry_their_matchers_function_and_range() -> None:
    found = promql.selectors('sum by (a) (rate(jobs_total{job=~"$job"}[$__rate_interval])) / on (a) up{a="b"}')

    assert found == [
        Selector("jobs_total", {"job": "$job"}, "rate", "$__rate_interval"),
        Selector("up", {"a": "b"}),
    ]


def test_a_fixed_range_is_told_from_one_that_grafana_chooses() -> None:
    assert [selector.range for selector in promql.selectors("increase(a[5m]) + increase(b[$__range])")] == [
        "5m",
        "$__range",
    ]


def test_labels_are_those_matched_summed_by_joined_on_and_carried() -> None:
    found = promql.labels('sum by (queue) (a{state="b"}) * on (job) group_left (service) c')

    assert found == {"queue", "state", "job", "service"}


@pytest.mark.parametrize("broken", ["sum(a", "rate(a)", "a{b=c}", "sum by b (a)", "ratte(a[5m])"])
def test_what_is_no_promql_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        promql.parsed(broken)


def test_a_histogram_is_known_by_its_three_series_and_not_by_its_bare_name() -> None:
    assert known.unknown("rate(dramatiq_message_duration_seconds_bucket[5m])") == []
    assert known.unknown("dramatiq_message_duration_seconds") == ["dramatiq_message_duration_seconds"]


def test_what_is_only_planned_is_not_known() -> None:
    assert known.unknown("tutormax_interventions") == ["tutormax_interventions"]


def test_a_label_that_its_metric_does_not_have_is_not_known() -> None:
    assert known.unknown('dramatiq_worker_threads{queue_name="default"}') == ["queue_name"]


def test_a_recorded_series_is_known_with_the_labels_of_its_rule() -> None:
    assert known.unknown('queue:dramatiq_workers_wanted:ceil{queue_name="default"}') == []
