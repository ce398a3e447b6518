"""PostgreSQL: there, recent, allowed to be used, migrated, with a right clock and the models that it names."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from tutormax import db, partitions, queries, schema, servers
from tutormax.doctor import artefacts, clocks
from tutormax.doctor.finding import Finding, fault, first_line, warning, well
from tutormax.errors import TutorMaxError
from tutormax.partitions import PARTITIONED as TABLES
from tutormax.settings import Settings

OLDEST_MAJOR = 15
AHEAD = timedelta(days=31)
GRANT = "as a superuser: psql -f deploy/postgresql/roles.sql, then grant tutormax_product to {}"


def examine(limits: Settings) -> Iterator[Finding]:
    """Look at the database, and at the models that it names."""
    try:
        engine = db.connect(servers.endpoints().database_url, application="tutormax doctor", read_only=True)
        with _disposed(engine), engine.connect() as connection:
            yield from _look(connection, limits)
    except (SQLAlchemyError, TutorMaxError) as error:
        yield fault(
            "postgresql",
            first_line(getattr(error, "orig", None) or error),
            "start it, or correct DATABASE_URL (or POSTGRES_HOST, POSTGRES_USER, POSTGRES_PASSWORD)",
        )


def _look(connection: Connection, limits: Settings) -> Iterator[Finding]:
    yield _version(connection, limits)
    yield _clock(connection)
    migrations = _migrations(connection)
    yield from migrations
    if all(finding.remedy == "" for finding in migrations):
        yield from _rights(connection, limits)
        yield _partitions(connection)
        yield from artefacts.examine(connection, limits.model_save_path)


@contextmanager
def _disposed(engine: Engine) -> Iterator[None]:
    try:
        yield
    finally:
        engine.dispose()


def _version(connection: Connection, limits: Settings) -> Finding:
    told = connection.execute(text("select current_setting('server_version')")).scalar_one()
    major = int(connection.execute(text("select current_setting('server_version_num')::integer / 10000")).scalar_one())
    where = f", the embedded one of {limits.data_dir.absolute()}" if servers.is_embedded(limits) else ""
    said = f"PostgreSQL {told} answers{where}"
    if major < OLDEST_MAJOR:
        return fault("postgresql", said, f"upgrade it to {OLDEST_MAJOR} or newer: older ones are not tested")
    return well("postgresql", said)


def _clock(connection: Connection) -> Finding:
    asked = clocks.now()
    told = connection.execute(text("select clock_timestamp()")).scalar_one()
    return clocks.compared("postgresql", asked, told, clocks.now())


def _migrations(connection: Connection) -> list[Finding]:
    pending = schema.pending(connection)
    try:
        schema.check(connection)
    except TutorMaxError as error:
        remedy = "python -m tutormax migrate, as the owner of the tables" if pending else "install that release"
        return [fault("migrations", str(error), remedy)]
    known = schema.revisions()[-1]
    there = schema.revision(connection)
    said = f"the schema is at {there}" if there == known else f"the schema is at {there} and serves this code ({known})"
    return [well("migrations", said)]


def _rights(connection: Connection, limits: Settings) -> Iterator[Finding]:
    who = connection.execute(text("select current_user")).scalar_one()
    lacking = connection.execute(queries.load("doctor/lacking_rights")).scalars().all()
    if lacking:
        yield fault("rights", f"{who} lacks {', '.join(lacking)}", GRANT.format(who))
        return
    superuser = connection.execute(text("select current_setting('is_superuser')")).scalar_one() == "on"
    if superuser and not servers.is_embedded(limits):
        remedy = "let TutorMax log in as a role of its own: see deploy/README.md"
        yield warning("rights", f"{who} is a superuser: a mistake of ours could reach every database", remedy)
        return
    yield well("rights", f"{who} may read and write every table")


def _partitions(connection: Connection) -> Finding:
    now = clocks.now()
    wanted = {f"{table}_{month:%Y_%m}" for month in partitions.months(now, now + AHEAD) for table in TABLES}
    missing = sorted(wanted - partitions.existing(connection))
    if missing:
        remedy = "python -m tutormax migrate makes them; so do cleanup_old_data every night, and whoever writes and may"
        return warning("partitions", f"not made ahead: {', '.join(missing)}", remedy)
    return well("partitions", "there is a place for rows of this month and the next")
