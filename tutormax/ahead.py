"""Making the next thing while the last one is used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

T = TypeVar("T")


class Ahead(Iterator[T]):
    """Items, the next being made in a thread while one is used: PostgreSQL is busy while we are not.

    The first is begun at once. As soon as it is closed, nothing is being made any more.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._maker = ThreadPoolExecutor(max_workers=1)
        self._coming = self._maker.submit(next, items, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> T:
        if (item := self._coming.result()) is None:
            self.close()
            raise StopIteration
        self._coming = self._maker.submit(next, self._items, None)
        return item

    def close(self) -> None:
        """Wait for what is being made, and make no more."""
        self._maker.shutdown(cancel_futures=True)
