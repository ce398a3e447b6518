"""A network that can be cut, that swallows, that is slow, and that loses the answer to one question."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Weather(StrEnum):
    """What the network does."""

    FAIR = "fair"
    CUT = "cut"
    HOLE = "hole"
    SLOW = "slow"


SLOW_SECONDS = 0.1
SWALLOW_SECONDS = 0.05


class Proxy:
    """Stands between clients and one server; both ends may be a path of a socket or a port."""

    def __init__(self, listen: int | Path, upstream: int | Path) -> None:
        self._listen = listen
        self._upstream = upstream
        self._weather = Weather.FAIR
        self._trap: bytes | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        threading.Thread(target=self._run, name="proxy", daemon=True).start()
        self._ready.wait()

    def set(self, weather: Weather) -> None:
        """Change the weather; what is open is cut when it is cut."""
        self._loop.call_soon_threadsafe(self._change, weather)

    def lose_the_answer_to(self, question: bytes) -> None:
        """Let the server have the next such question, and nobody its answer."""
        self._trap = question

    def _change(self, weather: Weather) -> None:
        self._weather = weather
        if weather is Weather.CUT:
            for writer in list(self._open):
                writer.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self) -> None:
        if isinstance(self._listen, Path):
            await asyncio.start_unix_server(self._accept, self._listen)
        else:
            await asyncio.start_server(self._accept, "127.0.0.1", self._listen)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._weather is Weather.CUT:
            writer.close()
            return
        try:
            upstream = await self._connected()
        except OSError:
            writer.close()
            return
        doomed = asyncio.Event()
        self._open |= {writer, upstream[1]}
        await asyncio.gather(
            self._pump(reader, upstream[1], self._asking(doomed)),
            self._pump(upstream[0], writer, self._answering(doomed)),
        )
        self._open -= {writer, upstream[1]}

    async def _connected(self) -> Streams:
        if isinstance(self._upstream, Path):
            return await asyncio.open_unix_connection(self._upstream)
        return await asyncio.open_connection("127.0.0.1", self._upstream)

    def _asking(self, doomed: asyncio.Event) -> Callable[[bytes], Awaitable[bool]]:
        async def ask(data: bytes) -> bool:
            if self._trap is not None and self._trap in data:
                self._trap = None
                doomed.set()
            return True

        return ask

    @staticmethod
    def _answering(doomed: asyncio.Event) -> Callable[[bytes], Awaitable[bool]]:
        async def answer(_: bytes) -> bool:
            return not doomed.is_set()

        return answer

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: Callable[[bytes], Awaitable[bool]]
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                while self._weather is Weather.HOLE:
                    await asyncio.sleep(SWALLOW_SECONDS)
                if self._weather is Weather.SLOW:
                    await asyncio.sleep(SLOW_SECONDS)
                if not await passes(data):
                    break
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()
