"""One value a process, whoever asks first."""

import os
from concurrent.futures import ThreadPoolExecutor
from time import sleep

from tutormax.per_process import PerProcess


def slowly_made() -> object:
    """Make something, slowly enough for every thread to ask meanwhile."""
    sleep(0.05)
    return object()


def test_threads_that_ask_at_once_are_given_the_same() -> None:
    single = PerProcess(slowly_made)

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: single(), range(8)))

    assert len(set(map(id, given))) == 1


def test_what_is_forgotten_is_made_anew() -> None:
    single = PerProcess(object)
    first = single()

    assert single.forget() is first
    assert single.forget() is None
    assert single() is not first


def test_a_forked_child_makes_its_own() -> None:
    single = PerProcess(os.getpid)
    single()

    child = os.fork()
    if child == 0:
        os._exit(0 if single() == os.getpid() else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert single() == os.getpid()
