"""The catalogue is the single source: 58 features in seven groups, and the SQL's columns are its names."""

from collections import Counter

from sqlalchemy import Connection

from ml.features.build import LONGEST_WINDOW, SQL, Spine
from ml.features.catalogue import FEATURES, NAMES, NEVER, Group
from tests.conftest import NOW
from tutormax import queries


def test_there_are_58_features_in_seven_groups() -> None:
    assert Counter(feature.group for feature in FEATURES) == {
        Group.ENGAGEMENT_DECLINE: 18,
        Group.PERFORMANCE_TREND: 11,
        Group.RESCHEDULE_PATTERN: 7,
        Group.FIRST_SESSION_QUALITY: 5,
        Group.NO_SHOW_RISK: 6,
        Group.TENURE_RISK: 6,
        Group.AVAILABILITY_REDUCTION: 5,
    }
    assert len(set(NAMES)) == 58


def test_the_columns_of_the_statement_are_the_catalogues_names(connection: Connection) -> None:
    spine = Spine.at([], NOW)
    result = connection.execute(
        queries.load("features", SQL),
        {"tutor_ids": spine.tutor_ids.tolist(), "instants": spine.instants(), "oldest": NOW, "newest": NOW},
    )

    assert tuple(result.keys()) == ("position", *NAMES)


def test_every_feature_says_what_it_is_and_what_a_missing_value_says() -> None:
    for feature in FEATURES:
        assert feature.meaning.endswith("."), feature
        assert feature.unit, feature
        assert feature.null_means, feature


def test_a_count_is_never_missing() -> None:
    counted = {"sessions", "days", "logins", "ratings", "trainings", "reschedules", "no-shows", "students"}

    missing = {feature.name for feature in FEATURES if feature.unit in counted and feature.null_means != NEVER}

    assert missing == {
        "days_since_last_login",
        "days_since_last_resched",
        "days_since_first_failed",
        "days_since_last_noshow",
    }


def test_no_feature_speaks_of_the_person() -> None:
    words = {word for name in NAMES for word in name.split("_")}

    assert words.isdisjoint({"age", "gender", "name", "location", "education", "archetype", "regime", "status", "pay"})


def test_the_longest_window_is_the_availabilitys() -> None:
    assert LONGEST_WINDOW.days == 118
