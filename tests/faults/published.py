"""`python -m tests.faults.published VERDICT.json`: publish a storm's numbers in deploy/reliability.md.

    python -m tests.faults.storm --tier gate --seed 7 --out verdict.json
    python -m tests.faults.published verdict.json

The verdict is kept beside the page, without its timeline, and a test holds both to each other.
"""

import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from tests.faults.storm import storm
from tests.faults.storm.storm import Verdict

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "deploy" / "reliability.md"
KEPT = ROOT / "deploy" / "storm.json"
BEGIN, END = "<!-- storm -->\n", "<!-- /storm -->\n"
NONE_YET = "No storm has been published yet.\n"


def kept() -> Verdict | None:
    """Return the verdict that was published last; None before the first."""
    return msgspec.json.decode(KEPT.read_bytes(), type=Verdict) if KEPT.exists() else None


def rendered(verdict: Verdict | None) -> str:
    """Return what the page says of a verdict."""
    if verdict is None:
        return NONE_YET
    return "```text\n" + "\n".join(storm.report(verdict)) + "\n```\n"


def publish(verdict: Verdict) -> None:
    """Keep a verdict and let the page say it."""
    shortened = replace(verdict, timeline=())
    KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(shortened), indent=1) + b"\n")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + rendered(shortened) + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    publish(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Verdict))
