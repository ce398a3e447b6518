"""What the runbooks quote: commands, SQL and PromQL, with something to try in place of the words in capitals."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "deploy" / "runbooks"

EXAMPLES = {
    "JOB": "4f9c6ad2-7d4e-4a55-9a3b-0d5d3a6c2f11",
    "QUEUE": "default",
    "ACTOR": "train_models",
    "SCHEDULE": "evaluation",
    "SERVICE": "training",
    "GROUP": "1f0c2b3a",
    "MODEL": "synthetic/20260621_020000",
    "OTHER": "synthetic/20260620_020000",
    "INSTANCE": "127.0.0.1:9400",
    "HOST": "127.0.0.1",
    "PORT": "9400",
    "PID": "4711",
}


@dataclass(frozen=True, slots=True)
class Quote:
    """A piece of code in a runbook."""

    runbook: str
    text: str


def pages() -> list[Path]:
    """Return every runbook."""
    return sorted(RUNBOOKS.glob("*.md"))


def documents() -> list[Path]:
    """Return everything that operators read."""
    return [*pages(), ROOT / "deploy" / "operations.md"]


def blocks(language: str) -> list[Quote]:
    """Return the fenced blocks of one language."""
    fenced = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [Quote(page.stem, _tried(block)) for page in documents() for block in fenced.findall(page.read_text())]


def inline() -> list[Quote]:
    """Return what stands between backticks in a sentence, line breaks mended."""
    fenced = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
    return [
        Quote(page.stem, " ".join(_tried(code).split()))
        for page in documents()
        for code in re.findall(r"`([^`]+)`", fenced.sub("", page.read_text()))
    ]


def commands() -> list[Quote]:
    """Return every line of the fenced blocks, and every command of ours that a sentence quotes whole."""
    lines = [Quote(block.runbook, line) for block in blocks("sh") for line in block.text.splitlines() if line.strip()]
    return lines + [quote for quote in inline() if re.match(r"(python -m|dramatiq) \S+ \S", quote.text)]


def words(command: str) -> list[str]:
    """Return a command's words."""
    return shlex.split(command)


def _tried(text: str) -> str:
    return re.sub(r"\b[A-Z]{3,}\b", lambda word: EXAMPLES.get(word[0], word[0]), text)
