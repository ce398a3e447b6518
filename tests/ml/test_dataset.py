"""The training set: labelled weekly snapshots of one population, computed once and read again afterwards."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, func, select, text

from ml.dataset import Dataset, training_dataset
from ml.features.build import build, microseconds
from ml.projection import HORIZONS
from tests.conftest import NOW
from tests.factories import add_event, add_organization, add_session, add_tutor
from tutormax import db
from tutormax.populations import Population
from tutormax.tables import feature_snapshots, tutors

DAY = timedelta(days=1)


def add_working_tutor(
    connection: Connection, organization: int, *, until: datetime = NOW, every: int = 5, name: str | None = None
) -> int:
    """Add a tutor who joined 200 days ago and has held a session every few days since, until an instant."""
    facts = {} if name is None else {"external_id": name}
    tutor = add_tutor(connection, organization=organization, **facts)
    for days in range(199, -1, -every):
        if (start := NOW - days * DAY) < until:
            add_session(connection, tutor, scheduled_start=start)
    return tutor


@pytest.fixture
def organization(connection: Connection) -> int:
    return add_organization(connection, synthetic=True)


def dataset(connection: Connection | Engine, as_of: datetime = NOW, history_days: int = 150) -> Dataset:
    return training_dataset(connection, population=Population.SYNTHETIC, as_of=as_of, history_days=history_days)


def test_rows_are_weekly_snapshots_of_the_last_days_by_instant_and_tutor(
    connection: Connection, organization: int
) -> None:
    working = [add_working_tutor(connection, organization) for _ in range(4)]

    made = dataset(connection)

    keys = list(zip(made.features.spine.as_of.tolist(), made.groups.tolist(), strict=True))
    assert keys == sorted(keys)
    assert set(made.groups.tolist()) == set(working)
    assert 4 * 20 <= len(made) <= 4 * 22
    assert made.features.spine.as_of.min() > microseconds(NOW - 150 * DAY)
    assert made.features.spine.as_of.max() <= microseconds(NOW - 3 * DAY)


def test_features_are_those_of_the_one_statement(connection: Connection, organization: int) -> None:
    add_working_tutor(connection, organization)

    made = dataset(connection)

    assert build(connection, made.features.spine).values.tobytes() == made.features.values.tobytes()


def test_who_leaves_is_labelled_by_horizon_and_not_looked_at_afterwards(
    connection: Connection, organization: int
) -> None:
    tutor = add_working_tutor(connection, organization, until=NOW - 60 * DAY, every=1)
    resigned_at = NOW - 60 * DAY
    add_event(connection, tutor, "resignation", event_time=resigned_at)

    made = dataset(connection)

    before = (microseconds(resigned_at) - made.features.spine.as_of) / np.timedelta64(1, "D")
    assert before.min() > 0
    for horizon in (1, 7, 30):
        assert made.labels[horizon].tolist() == [int(days <= horizon) for days in before]
    assert set(made.labels[90][made.features.spine.as_of > microseconds(NOW - 92 * DAY)]) == {-1}


def test_labels_are_final_only_where_their_horizon_has_passed(connection: Connection, organization: int) -> None:
    add_working_tutor(connection, organization)

    made = dataset(connection)

    for horizon in HORIZONS:
        final = made.features.spine.as_of <= microseconds(NOW - (horizon + 2) * DAY)
        assert ((made.labels[horizon] >= 0) == final).all()
    assert (made.labels[1] == 0).all()


def test_only_the_population_asked_for_is_in_it(connection: Connection, organization: int) -> None:
    ours = add_working_tutor(connection, organization)
    theirs = add_working_tutor(connection, add_organization(connection))

    customers = training_dataset(connection, population=Population.CUSTOMER, as_of=NOW, history_days=60)

    assert set(dataset(connection).groups.tolist()) == {ours}
    assert set(customers.groups.tolist()) == {theirs}


def test_the_first_month_on_record_is_not_learnt_from(connection: Connection, organization: int) -> None:
    add_working_tutor(connection, organization)

    made = dataset(connection, history_days=400)

    first_session = NOW - 199 * DAY
    assert made.features.spine.as_of.min() > microseconds(first_session + 30 * DAY)
    assert made.features.spine.as_of.min() <= microseconds(first_session + 37 * DAY)


def test_each_organization_has_a_first_month_on_record_of_its_own(connection: Connection, organization: int) -> None:
    add_working_tutor(connection, organization)
    another = add_organization(connection, synthetic=True)
    late = add_tutor(connection, organization=another, joined_at=NOW - 80 * DAY)
    for days in range(60, -1, -5):
        add_session(connection, late, scheduled_start=NOW - days * DAY)

    made = dataset(connection, history_days=400)

    theirs = made.features.spine.as_of[made.groups == late]
    assert microseconds(NOW - 30 * DAY) < theirs.min() <= microseconds(NOW - 23 * DAY)
    assert (made.labels[1][made.groups == late] == 0).all()


def test_who_joins_an_organization_on_record_is_learnt_from_at_once(connection: Connection, organization: int) -> None:
    add_working_tutor(connection, organization)
    joined_at = NOW - 60 * DAY
    teaching, idle = (add_tutor(connection, organization=organization, joined_at=joined_at) for _ in range(2))
    for days in range(50, -1, -5):
        add_session(connection, teaching, scheduled_start=NOW - days * DAY)

    made = dataset(connection)

    for tutor in (teaching, idle):
        first = made.features.spine.as_of[made.groups == tutor].min()
        assert microseconds(joined_at) < first <= microseconds(joined_at + 7 * DAY)


def test_an_organization_without_a_session_on_record_is_not_learnt_from(
    connection: Connection, organization: int
) -> None:
    ours = add_working_tutor(connection, organization)
    add_tutor(connection, organization=add_organization(connection, synthetic=True), joined_at=NOW - 80 * DAY)

    assert set(dataset(connection).groups.tolist()) == {ours}


def test_nobody_on_record_gives_an_empty_dataset(connection: Connection) -> None:
    made = dataset(connection, as_of=NOW - 3000 * DAY)

    assert len(made) == 0
    assert made.labels.keys() == set(HORIZONS)


def test_a_second_training_computes_only_what_is_new(connection: Connection, organization: int) -> None:
    add_working_tutor(connection, organization)
    first = dataset(connection, as_of=NOW - 7 * DAY)
    computed: list[tuple[int, int]] = []

    second = training_dataset(
        connection,
        population=Population.SYNTHETIC,
        as_of=NOW,
        history_days=150,
        progress=lambda done, of: computed.append((done, of)),
    )

    assert computed == [(1, 1)]
    assert len(second) == len(first)
    again = build(connection, second.features.spine)
    assert again.values.tobytes() == second.features.values.tobytes()


def test_the_same_rows_make_the_same_dataset_whatever_was_kept(connection: Connection, organization: int) -> None:
    for _ in range(3):
        add_working_tutor(connection, organization)

    computed, read = dataset(connection), dataset(connection)
    connection.execute(text("delete from feature_snapshots where extract(hour from as_of) < 12"))
    mixed = dataset(connection)

    assert computed.sha256() == read.sha256() == mixed.sha256()


def test_another_label_makes_another_hash(connection: Connection, organization: int) -> None:
    tutor = add_working_tutor(connection, organization)
    before = dataset(connection).sha256()

    add_event(connection, tutor, "resignation", event_time=NOW - 20 * DAY)

    assert dataset(connection).sha256() != before


def test_progress_tells_how_many_rows_are_computed(
    connection: Connection, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.dataset.CHUNK", 8)
    add_working_tutor(connection, organization)
    seen: list[tuple[int, int]] = []

    made = training_dataset(
        connection,
        population=Population.SYNTHETIC,
        as_of=NOW,
        history_days=150,
        progress=lambda done, of: seen.append((done, of)),
    )

    assert seen == [(8, len(made)), (16, len(made)), (len(made), len(made))]


def test_a_tutor_erased_meanwhile_is_left_out(
    connection: Connection, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.dataset.CHUNK", 10)
    erased, staying = (add_working_tutor(connection, organization) for _ in range(2))

    def erase(done: int, of: int) -> None:
        connection.execute(tutors.delete().where(tutors.c.tutor_id == erased))

    made = training_dataset(connection, population=Population.SYNTHETIC, as_of=NOW, history_days=150, progress=erase)

    assert not np.isnan(made.features.column("tenure_days")).any()
    assert (made.groups == staying).sum() > 20 > (made.groups == erased).sum() > 0


def committed_marketplace(url: str, count: int) -> None:
    with (engine := db.connect(url)).begin() as connection:
        organization = add_organization(connection, synthetic=True)
        for number in range(count):
            add_working_tutor(connection, organization, name=f"tutor {number}")
    engine.dispose()


def test_an_engine_gives_what_a_connection_gives(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.dataset.CHUNK", 10)
    committed_marketplace(database, 3)
    engine = db.connect(database)

    with engine.connect() as connection:
        one = dataset(connection)
        connection.rollback()
    two = dataset(engine)

    assert two.sha256() == one.sha256()
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(feature_snapshots)).scalar_one() == len(two)
    engine.dispose()


def test_a_stopped_training_keeps_the_pieces_it_computed(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.dataset.CHUNK", 10)
    committed_marketplace(database, 3)
    engine = db.connect(database)

    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training_dataset(engine, population=Population.SYNTHETIC, as_of=NOW, history_days=150, progress=stop)

    with engine.connect() as connection:
        assert 10 <= connection.execute(select(func.count()).select_from(feature_snapshots)).scalar_one() < 60
    engine.dispose()
