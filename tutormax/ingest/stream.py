"""A file's bytes, unpacked when they are packed."""

import gzip
import zlib
from pathlib import Path

from tutormax.ingest.batch import FileRefusedError, UnreadableFileError

GZIP = b"\x1f\x8b"


class Stream:
    """An open file that gives its unpacked bytes and knows how far it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.raw = path.open("rb")
        except OSError as error:
            raise UnreadableFileError(f"{path}: {error.strerror}") from None
        self.size = path.stat().st_size
        packed = self.raw.peek(2)[:2] == GZIP
        self.bytes = gzip.GzipFile(fileobj=self.raw) if packed else self.raw

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end."""
        try:
            return self.bytes.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileRefusedError(f"{self.path}: the compressed data are damaged: {error}") from None
        except OSError as error:
            raise FileRefusedError(f"{self.path}: {error.strerror}") from None

    def position(self) -> float:
        """Return which part of the file has been read."""
        return self.raw.tell() / self.size if self.size else 1.0

    def close(self) -> None:
        """Close the file."""
        self.raw.close()
