"""PostgreSQL and Redis of Debian as deploy/ sets them up, on loopback: its users, passwords and files."""

import grp
import os
import pwd
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from deploy.compose import prepare
from tests.deploy.formats import DEPLOY, compose_service
from tests.faults.harness import eventually, free_port


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the stores are, and the folder of secrets with which they are reached."""

    secrets: Path
    postgres_port: int
    redis_port: int

    def secret(self, name: str) -> str:
        """Return one secret, its servers found on loopback."""
        return self.moved((self.secrets / name).read_text())

    def moved(self, text: str) -> str:
        """Return a text with the servers of compose's network put where they are here."""
        places = {"postgres:5432": self.postgres_port, "redis:6379": self.redis_port}
        for place, port in places.items():
            text = text.replace(place, f"127.0.0.1:{port}")
        return text


@contextmanager
def debian_stores() -> Iterator[Stores]:
    """Run both until the block ends."""
    with tempfile.TemporaryDirectory(prefix="tutormax-deploy-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        prepare.main(["--to", str(folder)])
        made = Stores(folder / "secrets", free_port(), free_port())
        for path in made.secrets.iterdir():
            path.write_text(made.secret(path.name))
        with _postgres(folder, made), _redis(folder, made):
            yield made


@contextmanager
def _postgres(folder: Path, stores: Stores) -> Iterator[None]:
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    data = folder / "postgres"
    data.mkdir()
    # Its server refuses to be root's.
    owner = "postgres" if os.geteuid() == 0 else None
    if owner is not None:
        shutil.chown(data, owner)
    password = f"--pwfile={_readable(stores.secrets / 'postgres_password', folder)}"
    options = shlex.split(compose_service("postgres")["environment"]["POSTGRES_INITDB_ARGS"])
    secured = ["--auth=scram-sha-256", "--username=postgres", password, "--no-sync", *options]
    subprocess.run([programs / "initdb", "-D", data, *secured], check=True, user=owner, cwd=folder, capture_output=True)
    command = [programs / "postgres", *compose_service("postgres")["command"][1:], "-D", data]
    listening = ["-c", "listen_addresses=127.0.0.1", "-p", str(stores.postgres_port), "-k", ""]
    with _running([*command, *listening], owner, folder):
        superuser = {"PGHOST": "127.0.0.1", "PGPORT": str(stores.postgres_port)}
        superuser |= {"PGPASSWORD": (stores.secrets / "postgres_password").read_text()}
        eventually(lambda: _lets_in(superuser))
        subprocess.run(
            [DEPLOY / "postgresql" / "init.sh"],
            env={**os.environ, **superuser, **_init_environment(stores)},
            check=True,
        )
        yield


def _init_environment(stores: Stores) -> Mapping[str, str]:
    said = compose_service("postgres")["environment"]
    return {key: value.replace("/run/secrets", str(stores.secrets)) for key, value in said.items()}


def _readable(secret: Path, folder: Path) -> Path:
    """Return a copy of a secret that a server's own user can read."""
    copied = folder / secret.name
    copied.write_text(secret.read_text())
    copied.chmod(0o644)
    return copied


def _lets_in(superuser: Mapping[str, str]) -> bool:
    with suppress(psycopg.OperationalError):
        host, port, password = (superuser[name] for name in ("PGHOST", "PGPORT", "PGPASSWORD"))
        address = f"host={host} port={port} password={password}"
        psycopg.connect(f"{address} user=postgres dbname=postgres connect_timeout=2").close()
        return True
    return False


@contextmanager
def _redis(folder: Path, stores: Stores) -> Iterator[None]:
    users = _readable(stores.secrets / "redis_users", folder)
    configuration = folder / "redis.conf"
    text = (DEPLOY / "redis" / "redis.conf").read_text()
    configuration.write_text(re.sub(r"^aclfile .*$", f"aclfile {users}", text, flags=re.MULTILINE))
    (folder / "redis").mkdir()
    moved = {"/etc/redis/redis.conf": str(configuration), "/data": str(folder / "redis")}
    command = [moved.get(word, word) for word in compose_service("redis")["command"]]
    listening = ["--port", str(stores.redis_port), "--bind", "127.0.0.1"]
    with _running([*command, *listening], None, folder):
        url = stores.secret("broker_url")
        eventually(lambda: answers(url))
        yield


def answers(url: str) -> bool:
    """Tell whether a Redis lets the user of a URL in."""
    with suppress(redis.ConnectionError), redis.Redis.from_url(url) as client:
        return bool(client.ping())
    return False


@contextmanager
def _running(command: Sequence[str | Path], user: str | None, folder: Path) -> Iterator[None]:
    groups = {} if user is None else {"user": user, "group": grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name}
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **groups)  # type: ignore[call-overload]
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
