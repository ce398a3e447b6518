"""The model that scores: loaded once, checked against the champion's row each time, replaced when that changes.

The models' directory may lie on another machine. It is read through a breaker, in a thread that may hang.
"""

import threading
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from sqlalchemy import Connection

from ml import artefact, registry, rule
from ml.artefact import Artefact, ArtefactError, StoreUnavailableError
from ml.model import ChurnModel
from ml.packing import unpack
from ml.registry import Registered
from ml.rule import Rule
from tutormax import log, settings
from tutormax.attempt import Attempt
from tutormax.breaker import Breaker, BreakerOpenError, Outside
from tutormax.populations import Population

_log = log.get(__name__)

# A model is read in milliseconds; a share that has not answered by then hangs.
STORE_SECONDS = 30.0
STORE = Breaker(Outside.MODEL_STORE, failures=(StoreUnavailableError,))


@dataclass(frozen=True, slots=True)
class Scorer:
    """What scores a population, and the name that its predictions carry."""

    model_id: str
    model: ChurnModel | Rule


RULE = Scorer(rule.NAME, Rule())


class Shelf:
    """The models in memory, one a population."""

    def __init__(self, root: Path, *, store_seconds: float = STORE_SECONDS) -> None:
        self.root = root
        self._store_seconds = store_seconds
        self._loaded: dict[Population, tuple[Registered, Scorer]] = {}
        self._refused: set[str] = set()
        self._reading: dict[str, Attempt[Artefact]] = {}
        self._lock = threading.Lock()

    def directory(self, population: Population) -> Path:
        """Return where a population's models are."""
        return self.root / population

    def scorer(self, connection: Connection, population: Population) -> Scorer:
        """Return what scores a population now: its champion, or the rule where there is none.

        A champion that cannot be loaded is told once, and the one before it serves on; raises ArtefactError,
        StoreUnavailableError or BreakerOpenError when this process has none to serve on with.
        """
        wanted = registry.champion(connection, population)
        if wanted is None:
            return RULE
        with self._lock:
            held = self._loaded.get(population)
            if held is None or held[0] != wanted:
                held = self._replaced(connection, wanted, held)
            return held[1]

    def check(self, model: Registered) -> None:
        """Raise unless this code could serve a model, as `scorer` does."""
        self._load(model)

    def _replaced(
        self, connection: Connection, wanted: Registered, held: tuple[Registered, Scorer] | None
    ) -> tuple[Registered, Scorer]:
        try:
            loaded = self._load(wanted)
        except (ArtefactError, StoreUnavailableError, BreakerOpenError) as error:
            if held is None:
                raise
            if wanted.model_id not in self._refused:
                self._refused.add(wanted.model_id)
                _log.error("champion refused, the one before serves on", model_id=wanted.model_id, error=str(error))
            return held
        self._loaded[wanted.population] = loaded
        _log.info("model loaded", model_id=wanted.model_id)
        self._align_links(connection, wanted)
        return loaded

    def _align_links(self, connection: Connection, wanted: Registered) -> None:
        try:
            if registry.align_links(connection, wanted, self.directory(wanted.population)):
                _log.warning("link moved to the champion", model_id=wanted.model_id)
        except OSError as error:  # whoever may only read the models still serves
            _log.warning("link not moved to the champion", model_id=wanted.model_id, error=str(error))

    def _load(self, wanted: Registered) -> tuple[Registered, Scorer]:
        model = unpack(STORE.call(partial(self._read, wanted)))
        return wanted, Scorer(wanted.model_id, model)

    def _read(self, wanted: Registered) -> Artefact:
        directory = self.directory(wanted.population)
        read = partial(artefact.read, directory, wanted.version, wanted.manifest_sha256)
        # One thread for each model, however often it is asked for: what hangs in the kernel cannot be ended.
        reading = self._reading.setdefault(wanted.model_id, Attempt(f"the model store {directory}", read))
        try:
            found = reading.result(self._store_seconds)
        except TimeoutError as error:
            raise StoreUnavailableError(str(error)) from None
        finally:
            if reading.ended:
                self._reading.pop(wanted.model_id, None)
        return found


@lru_cache(maxsize=4)
def _shelf_at(root: Path) -> Shelf:
    return Shelf(root)


def shelf() -> Shelf:
    """Return this process's models."""
    return _shelf_at(settings.current().model_save_path.resolve())
