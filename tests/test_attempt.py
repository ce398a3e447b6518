"""An attempt: something that may hang holds nobody up, and is tried once at a time."""

from threading import Event, Thread

import pytest

from tutormax.attempt import Attempt


def test_what_answers_in_time_is_returned_and_tried_anew_each_time() -> None:
    answers = iter([1, 2])
    attempt = Attempt("counting", lambda: next(answers))

    assert [attempt.result(5), attempt.result(5)] == [1, 2]


def test_what_it_raises_is_raised() -> None:
    def fail() -> None:
        raise ConnectionError("away")

    with pytest.raises(ConnectionError, match="away"):
        Attempt("failing", fail).result(5)


def test_what_hangs_is_tried_once_and_whoever_comes_waits_for_the_same() -> None:
    calls, release = [], Event()

    def hang() -> str:
        calls.append(1)
        release.wait()
        return "at last"

    attempt = Attempt("hanging", hang)
    for _ in range(3):
        with pytest.raises(TimeoutError, match="hanging gave no answer in time"):
            attempt.result(0.01)
    heard: list[str] = []
    waiting = [Thread(target=lambda: heard.append(attempt.result(5))) for _ in range(2)]
    for thread in waiting:
        thread.start()
    release.set()
    for thread in waiting:
        thread.join()

    assert heard == ["at last", "at last"]
    assert len(calls) == 1
