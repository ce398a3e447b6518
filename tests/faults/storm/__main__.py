"""`python -m tests.faults.storm --tier gate --seed 7`: a storm, its timeline and its verdict."""

import argparse
import faulthandler
import random
import signal
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from tests.faults.storm import storm
from tests.faults.storm.storm import Terms
from tutormax import log

TIERS = {
    "smoke": Terms(seed=7, jobs=5_000, kills=13, faults=12, seconds=55),
    "gate": Terms(seed=7, jobs=100_000, kills=200, faults=100, seconds=1_080),
    "soak": Terms(seed=7, jobs=576_000, kills=320, faults=160, seconds=28_800),
}


def main() -> int:
    """Run what the command line asks for; return 0 if nothing was lost and nothing happened twice."""
    options = _parser().parse_args()
    given = {
        name: value
        for name in ("jobs", "kills", "faults", "seconds", "plant", "gentle")
        if (value := getattr(options, name)) is not None
    }
    drawn = random.randrange(10**6)  # noqa: S311 - nothing secret
    terms = replace(TIERS[options.tier], seed=drawn if options.seed is None else options.seed, **given)
    # Where it hangs, if it does: kill -USR1.
    faulthandler.register(signal.SIGUSR1)
    log.configure(json=True, level="ERROR")
    say(f"storm of seed {terms.seed}: python -m tests.faults.storm --tier {options.tier} --seed {terms.seed}")
    verdict = storm.run(terms, say)
    for line in storm.report(verdict):
        say(line)
    if options.out is not None:
        options.out.write_bytes(msgspec.json.format(msgspec.json.encode(verdict), indent=1) + b"\n")
    return 1 if verdict.violations else 0


def say(line: str) -> None:
    """Print one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.storm", description="Jobs, faults, and the books.")
    add = parser.add_argument
    add("--tier", choices=TIERS, default="smoke", help="how much: 5,000 jobs, 100,000 jobs, or 8 hours (smoke)")
    add("--seed", type=int, help="of jobs and faults; one is drawn and printed unless given")
    add("--jobs", type=int, help="how many jobs are accepted in all")
    add("--kills", type=int, help="how many processes are killed")
    add("--faults", type=int, help="how many other faults there are")
    add("--seconds", type=float, help="in how many seconds the jobs are sent, if the system takes them")
    add("--plant", help="a bug that is planted, to see it found: see tests/faults/plants.py")
    add("--gentle", action="store_true", default=None, help="without faults in which Redis loses what it held")
    add("--out", type=Path, help="a file for the verdict and the timeline as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
