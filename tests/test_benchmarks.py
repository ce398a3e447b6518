"""A slower result is seen; a machine that is slower as a whole is not taken for one."""

import random
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from tests.benchmarks.comparison import main
from tests.benchmarks.scale import HOST_CORES, LOAD, POSTGRES_CORES, Costs, Station, simulate


def result(file: Path, *figures: tuple[str, float, str, bool]) -> str:
    """Write a result with some figures; return its file."""
    rows = [{"name": name, "value": value, "unit": unit, "more_is_better": more} for name, value, unit, more in figures]
    file.write_bytes(orjson.dumps({"figures": rows}))
    return str(file)


@pytest.mark.parametrize(
    ("kept", "new", "code"),
    [
        (("evaluation to its limit", 1.2, "x", False), ("evaluation to its limit", 2.3, "x", False), 0),
        (("evaluation to its limit", 1.2, "x", False), ("evaluation to its limit", 2.5, "x", False), 1),
        (("jobs to Dramatiq", 0.5, "x", True), ("jobs to Dramatiq", 0.2, "x", True), 1),
        (("jobs to Dramatiq", 0.5, "x", True), ("jobs to Dramatiq", 1.9, "x", True), 0),
        (("evaluation", 1.0, "s", False), ("evaluation", 9.0, "s", False), 0),
        (("evaluation", 0.0, "s", False), ("evaluation", 0.0, "s", False), 0),
        (("evaluation to its limit", 0.0, "x", False), ("evaluation to its limit", 1.0, "x", False), 1),
        (("jobs to Dramatiq", 0.5, "x", True), ("jobs to Dramatiq", 0.0, "x", True), 1),
    ],
    ids=["a little slower", "slower", "fewer", "more", "seconds are the machine's", "nothing", "some", "none any more"],
)
def test_a_ratio_twice_as_bad_fails(
    tmp_path: Path, kept: tuple[str, float, str, bool], new: tuple[str, float, str, bool], code: int
) -> None:
    files = [result(tmp_path / "kept.json", kept), result(tmp_path / "new.json", new)]

    assert main([*files, "--most", "2"]) == code


def test_what_is_slower_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = result(tmp_path / "kept.json", ("evaluation to its limit", 1.0, "x", False))
    new = result(tmp_path / "new.json", ("evaluation to its limit", 3.0, "x", False))

    main([kept, new, "--most", "2"])

    assert "more than 2 times worse than kept: evaluation to its limit" in capsys.readouterr().err


def test_results_with_nothing_in_common_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = result(tmp_path / "kept.json", ("evaluation of 300 tutors", 1.0, "x", False))
    new = result(tmp_path / "new.json", ("evaluation, S", 1.0, "x", False))

    assert main([kept, new]) == 2

    assert "another size, or an older suite" in capsys.readouterr().err


def test_a_ratio_that_is_not_measured_any_more_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = ("evaluation, S", 1.0, "x", False)
    kept = result(tmp_path / "kept.json", both, ("jobs to Celery", 1.0, "x", True))
    new = result(tmp_path / "new.json", both)

    assert main([kept, new]) == 0

    assert "kept, but not measured now: jobs to Celery" in capsys.readouterr().err


def test_the_simulation_agrees_with_what_is_known_of_one_queue() -> None:
    # One server with exponential times at 80 %: whoever comes stays for 1 / (1 - .8) services on average.
    station, chance = Station("one", 1, 0.001, visits=1), random.Random(7)  # noqa: S311 - nothing secret
    at, stays = 0.0, []
    for _ in range(200_000):
        at += chance.expovariate(800)
        stays.append(station.serve(at, chance) - at)

    assert sum(stays) / len(stays) == pytest.approx(0.005, rel=0.1)


def test_what_one_station_can_serve_is_by_its_cost_and_its_servers() -> None:
    cheap = Costs(worker_seconds=1e-6, postgres_seconds=1e-6, redis_seconds=1e-6, wal_bytes=0)

    by_redis, by_postgres, by_workers = (
        simulate(replace(cheap, **{of: 0.01}), 2).jobs_per_second / LOAD
        for of in ("redis_seconds", "postgres_seconds", "worker_seconds")
    )

    assert by_redis == pytest.approx(1 / 0.01)
    assert by_postgres == pytest.approx(POSTGRES_CORES / 0.01)
    assert by_workers == pytest.approx(2 * HOST_CORES / 0.01)


def test_more_hosts_do_more_until_another_station_is_the_narrowest() -> None:
    costs = Costs(worker_seconds=0.001, postgres_seconds=0.001, redis_seconds=0.00002, wal_bytes=1000)

    few, many, more = (simulate(costs, hosts) for hosts in (1, 30, 100))

    assert (few.narrowest[0], many.narrowest[0]) == ("workers", "PostgreSQL")
    assert few.jobs_per_second < many.jobs_per_second == more.jobs_per_second
