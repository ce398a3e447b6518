"""How `python -m tutormax up` is stopped."""

import signal
from collections.abc import Iterator

import pytest

from tutormax.commands import up

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def ignored() -> Iterator[None]:
    """Signals ignored, as a shell leaves Ctrl-C to what it starts in the background."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("ignored")
@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_stops_it_though_it_was_started_in_the_background(number: signal.Signals) -> None:
    up.stop_on_signals()

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
