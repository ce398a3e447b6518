"""Backup and restore: one directory that holds the database and the models, whole or not at all.

    DIRECTORY/20261122_024200/   database.dump (pg_dump's own format), models/, backup.json, written last

The database is dumped first: whatever model a row names is on disk before the row is committed, and outlives it.
Redis and RabbitMQ hold nothing that is not in the database.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from sqlalchemy import URL, Connection, make_url, text

from tutormax import __version__, db, schema, servers
from tutormax.errors import PermanentError, TransientError
from tutormax.servers import ServerStartError

DUMP, MODELS, RECORD = "database.dump", "models", "backup.json"
UNFINISHED = ".unfinished-"
CHUNK = 1024 * 1024
DEBIANS = Path("/usr/lib/postgresql")


class NotABackupError(PermanentError):
    """A directory is no backup, or not what it was when it was written."""


class NothingToBackUpError(PermanentError):
    """What would be backed up is not what was meant: a database without our schema, or without its models."""


class NotEmptyError(PermanentError):
    """A backup is restored into a database and a directory that hold nothing."""


class ProgramFailedError(TransientError):
    """One of PostgreSQL's programs is missing, too old, or was not content; the text holds what it said."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds; files are named by their path in it, and hashed."""

    tutormax: str
    revision: str | None
    at: datetime
    files: Mapping[str, str]

    @property
    def models(self) -> int:
        """How many models it holds."""
        return sum(name.endswith("/manifest.json") for name in self.files)


def write(directory: Path, models: Path, at: datetime) -> tuple[Path, Backup]:
    """Back up the database and the models, or leave nothing; return where, and what it holds."""
    place = directory / f"{at:%Y%m%d_%H%M%S}"
    unfinished = directory / f"{UNFINISHED}{place.name}"
    # For ourselves alone: it holds people's names.
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        made = _fill(unfinished, models, at)
        unfinished.rename(place)
    except BaseException:
        # Half a backup is no use to anybody, and it names people.
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return place, made


def _fill(unfinished: Path, models: Path, at: datetime) -> Backup:
    with db.transaction() as connection:
        revision = schema.revision(connection)
        _refuse_what_was_not_meant(connection, revision, models)
        arguments, environment = _reach(servers.endpoints().database_url)
        program = _program("pg_dump", _major(connection))
    _run(program, "--format=custom", "-f", unfinished / DUMP, *arguments, **environment)
    if models.is_dir():
        # Links are copied as links; what is being written has no name yet.
        shutil.copytree(models, unfinished / MODELS, symlinks=True, ignore=shutil.ignore_patterns(".tmp-*"))
    made = Backup(__version__, revision, at.astimezone(UTC), dict(_hashed(unfinished)))
    (unfinished / RECORD).write_bytes(orjson.dumps(asdict(made), option=orjson.OPT_INDENT_2))
    return made


def _refuse_what_was_not_meant(connection: Connection, revision: str | None, models: Path) -> None:
    """Raise NothingToBackUpError: found out on the day of the restore, it would be too late."""
    if revision is None:
        raise NothingToBackUpError("this database is empty: name yours by DATABASE_URL (or DATABASE_URL_FILE)")
    champions = connection.execute(text("select model_id from models where status = 'champion'")).scalars()
    missing = sorted(champion for champion in champions if not (models / champion).is_dir())
    if missing:
        raise NothingToBackUpError(
            f"{', '.join(missing)} serves and is not in {models.absolute()}: name the models' directory by "
            "WORKER_MODEL_SAVE_PATH, or let another model serve (python -m tutormax models rollback)"
        )


def read(place: Path) -> Backup:
    """Return what a backup holds, every file hashed; raise NotABackupError."""
    try:
        told = orjson.loads((place / RECORD).read_bytes())
        made = Backup(told["tutormax"], told["revision"], datetime.fromisoformat(told["at"]), told["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotABackupError(f"{place} is no backup: {error}") from None
    found = dict(_hashed(place))
    wrong = sorted(name for name, seal in made.files.items() if found.get(name) != seal)
    if wrong:
        raise NotABackupError(f"{place}: missing or not what was written: {', '.join(wrong)}")
    return made


def restore(place: Path, models: Path) -> Backup:
    """Bring a backup back into an empty database and an empty directory; raise NotABackupError or NotEmptyError."""
    made = read(place)
    with db.transaction() as connection:
        tables = connection.execute(text("select count(*) from pg_tables where schemaname = 'public'")).scalar_one()
        if tables:
            raise NotEmptyError(f"the database holds {tables} tables: create an empty one, and name it by DATABASE_URL")
        if models.is_dir() and any(models.iterdir()):
            raise NotEmptyError(f"{models} is not empty: move it away, or name another by WORKER_MODEL_SAVE_PATH")
        arguments, environment = _reach(servers.endpoints().database_url)
        program = _program("pg_restore", _major(connection))
    # One transaction: a restore that fails leaves the database as empty as it was. Rights are given anew afterwards.
    wanted = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run(program, *wanted, *arguments, place / DUMP, **environment)
    if (place / MODELS).is_dir():
        shutil.copytree(place / MODELS, models, symlinks=True, dirs_exist_ok=True)
    return made


def _reach(url: str) -> tuple[Sequence[str], Mapping[str, str]]:
    """Return arguments and environment that lead PostgreSQL's programs to a database; no password in arguments."""
    asked = make_url(url)
    bare = URL.create("postgresql", asked.username, None, asked.host, asked.port, asked.database, asked.query)
    environment = {} if asked.password is None else {"PGPASSWORD": asked.password}
    return (f"--dbname={bare.render_as_string()}",), environment


def _major(connection: Connection) -> int:
    told = connection.execute(text("select current_setting('server_version_num')::integer / 10000"))
    return int(told.scalar_one())


def _program(name: str, oldest: int) -> Path:
    """Return one of PostgreSQL's programs for a server of this version."""
    made_for = best(_candidates(name), oldest)
    if made_for is None:
        raise ProgramFailedError(f"{name} {oldest} or newer is needed: apt-get install postgresql-client-{oldest}")
    return made_for


def best(candidates: Iterable[Path], oldest: int) -> Path | None:
    """Return the program that is as old as the server, else the oldest that is newer: it speaks to older servers.

    But for a restore it may say what an older server does not know; then PostgreSQL refuses, and nothing is restored.
    """
    versions = {path: _version(path) for path in candidates if path.is_file()}
    fit = [path for path, version in versions.items() if version >= oldest]
    return min(fit, key=lambda path: versions[path], default=None)


def _version(program: Path) -> int:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = re.search(r"(\d+)", told)
    return int(found[1]) if found else 0


def _candidates(name: str) -> Iterator[Path]:
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    yield from sorted(DEBIANS.glob(f"*/bin/{name}"), reverse=True)
    # The container's image has no embedded servers.
    with suppress(ServerStartError):
        yield servers.program(name)


def _run(program: Path, *arguments: str | Path, **environment: str) -> None:
    done = subprocess.run(  # noqa: S603  # the command is our own
        [program, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ProgramFailedError(f"{program.name}: {done.stderr.strip().splitlines()[-1] if done.stderr else 'failed'}")


def _hashed(place: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(place.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name != RECORD:
            digest = hashlib.sha256()
            with path.open("rb") as opened:
                while chunk := opened.read(CHUNK):
                    digest.update(chunk)
            yield str(path.relative_to(place)), digest.hexdigest()
