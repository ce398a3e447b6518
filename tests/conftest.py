"""What every test may ask for: real servers started once, and a transaction that is rolled back."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Connection, Engine, make_url, text

from tests.schema_ahead import widen
from tests.surroundings import environment
from tutormax import db, partitions, schema, servers, settings

# How fast the machine is, is no property of what is tested.
hypothesis.settings.register_profile("tutormax", deadline=None)
hypothesis.settings.load_profile("tutormax")

# The month in which the tests play; factories write around it.
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
TEMPLATE = "migrated"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests run against another broker or schema: `make verify-rabbitmq`, `make verify-upgrade`."""
    parser.addoption("--broker", choices=("redis", "rabbitmq"), default="redis", help="what carries doorbells")
    parser.addoption(
        "--schema", choices=("newest", "ahead"), default="newest", help="ahead: as the next release would leave it"
    )


# Whole systems take longest, and whoever waits for one at the end waits alone.
FIRST = ("faults", "acceptance", "model", "ml", "schedules", "deploy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the rooms whose files take longest; the processes that run tests take files in this order."""
    rooms = Path(__file__).parent

    def turn(item: pytest.Item) -> int:
        room = item.path.relative_to(rooms).parts[0]
        return FIRST.index(room) if room in FIRST else len(FIRST)

    items.sort(key=turn)


def pytest_configure(config: pytest.Config) -> None:
    """Note on which schema the tests run."""
    _Schema.ahead = config.getoption("--schema") == "ahead"


class _Schema:
    ahead = False


@pytest.fixture(scope="session")
def broker_kind(pytestconfig: pytest.Config) -> str:
    """What carries the doorbells of tests that start a broker of their own."""
    return str(pytestconfig.getoption("broker"))


@pytest.fixture
def broker_settings(broker_kind: str) -> Iterator[dict[str, str]]:
    """What lets processes with embedded servers use the broker that is tested; with RabbitMQ there is no Redis."""
    if broker_kind == "redis":
        yield {}
        return
    # Here, because it declares actors that other tests would take for ours.
    from tests.faults.brokers import started_broker  # noqa: PLC0415

    started = started_broker(broker_kind)
    yield {"DRAMATIQ_BROKER_URL": started.url, "REDIS_URL": "redis://127.0.0.1:1/0"}
    started.close()


@pytest.fixture(scope="session")
def endpoints() -> Iterator[servers.Endpoints]:
    """The embedded PostgreSQL and Valkey of this run; everything else reaches them through the settings."""
    # Not below pytest's own directory: under root the servers are another user, and every pytest that starts shuts it.
    with (
        tempfile.TemporaryDirectory(prefix="tutormax-tests-") as data_dir,
        servers.embedded(Path(data_dir)) as served,
    ):
        os.environ["DATABASE_URL"] = served.database_url
        os.environ["REDIS_URL"] = served.broker_url
        settings.current.cache_clear()
        yield served


@pytest.fixture(scope="session")
def engine(endpoints: servers.Endpoints) -> Iterator[Engine]:
    """An engine on the migrated test database."""
    made = db.connect(endpoints.database_url, application="tests")
    with made.begin() as connection:
        _migrate(connection)
    yield made
    made.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection inside a transaction that the test's end rolls back."""
    with engine.connect() as opened, opened.begin() as transaction:
        yield opened
        transaction.rollback()


@pytest.fixture
def database(endpoints: servers.Endpoints, engine: Engine, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated database of the test's own, for what really commits; this process uses it, too."""
    with own_database(endpoints, engine, request.node.nodeid) as url:
        yield url


@contextmanager
def own_database(endpoints: servers.Endpoints, engine: Engine, whose: str) -> Iterator[str]:
    """Make a migrated database that this process uses for a while; whoever it is for gives it its name."""
    name = f"test_{abs(hash(whose)):x}"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        there = connection.execute(text("select true from pg_database where datname = :name"), {"name": TEMPLATE})
        if there.scalar_one_or_none() is None:
            connection.exec_driver_sql(f"create database {TEMPLATE}")
            _migrate_alone(_url_of(endpoints, TEMPLATE))
        # A copy takes a tenth of the time that the migrations take.
        connection.exec_driver_sql(f"create database {name} template {TEMPLATE}")
    url = _url_of(endpoints, name)
    with environment(DATABASE_URL=url):
        yield url
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"drop database {name} with (force)")


def _url_of(endpoints: servers.Endpoints, name: str) -> str:
    return make_url(endpoints.database_url).set(database=name).render_as_string(hide_password=False)


def _migrate_alone(url: str) -> None:
    own = db.connect(url)
    with own.begin() as connection:
        _migrate(connection)
    own.dispose()


def _migrate(connection: Connection) -> None:
    """Bring a database to the schema that the tests run on."""
    schema.upgrade(connection)
    partitions.ensure(connection, NOW.replace(year=2025), NOW.replace(month=12))
    if _Schema.ahead:
        widen(connection)
