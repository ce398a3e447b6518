"""`python -m tests.faults.storm.contrast --seed 7`: the same faults over the ledger and over Dramatiq as it comes."""

import argparse
import sys
import tempfile
import threading
from pathlib import Path

import msgspec

from tests.faults.storm import plan, storm
from tests.faults.storm.__main__ import say
from tests.faults.storm.cluster import cluster
from tests.faults.storm.nemesis import Nemesis
from tests.faults.storm.storm import Terms, line_of
from tutormax import log


def stock(terms: Terms) -> dict[str, int]:
    """Run the plan over Dramatiq as it comes; return the counts."""
    with (
        tempfile.TemporaryDirectory(prefix="tutormax-storm-") as directory,
        cluster(Path(directory), stock=True) as running,
    ):
        # Its broker reads where Redis is when it is imported.
        from tests.faults.storm import stock as stocks  # noqa: PLC0415

        producer = stocks.StockProducer(
            terms.seed,
            terms.jobs,
            terms.seconds,
            lambda: len(producer.books.accepted) - stocks.effects(running) - terms.jobs // 20,
        )
        strikes = plan.plan(terms.seed, kills=terms.kills, faults=terms.faults, gentle=terms.gentle, stock=True)
        nemesis = Nemesis(running, producer, strikes, lambda struck: say(line_of(struck)))
        load = threading.Thread(target=producer.run, name="load", daemon=True)
        load.start()
        nemesis.run()
        load.join()
        stocks.wait_until_still(running)
        counts: dict[str, int] = msgspec.to_builtins(stocks.judge(running, producer.books))
        return counts


def main() -> int:
    """Run both; return 0 if ours lost and doubled nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.storm.contrast", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--faults", type=int, default=27)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--gentle", action="store_true", help="without faults in which Redis loses what it held")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    terms = Terms(options.seed, options.jobs, options.kills, options.faults, options.seconds, gentle=options.gentle)
    log.configure(json=True, level="ERROR")
    say("Dramatiq as it comes")
    theirs = stock(terms)
    say("the ledger")
    ours = storm.run(terms, say)
    say(f"Dramatiq as it comes: {theirs['accepted']} accepted, {theirs['lost']} lost, {theirs['doubled']} doubled")
    say(f"the ledger: {ours.counts.accepted} accepted, {ours.counts.lost} lost, {ours.counts.doubled} doubled")
    if options.out is not None:
        told = {"terms": terms, "stock": theirs, "ledger": ours.counts, "violations": ours.violations}
        options.out.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
    return 1 if ours.violations else 0


if __name__ == "__main__":
    sys.exit(main())
