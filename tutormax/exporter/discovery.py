"""Discovery: the registered processes as Prometheus' HTTP service discovery wants them."""

import time
from collections import defaultdict
from typing import Any
from urllib.parse import parse_qs

from tutormax.exporter.collector import SCRAPE_SECONDS
from tutormax.exporter.reading import Reading
from tutormax.exporter.stores import Rows, Stores


class Targets:
    """Answers /sd; while the list cannot be read, Prometheus keeps what it had."""

    def __init__(self, stores: Stores) -> None:
        self._processes = Reading("processes", stores.processes)

    def page(self, query: str) -> tuple[bool, object]:
        """Return the targets, of one scrape job if the query names it: `job=tutormax-worker`."""
        try:
            seen = self._processes.get(time.monotonic() + SCRAPE_SECONDS)
        except Exception as error:  # noqa: BLE001  # whatever it is, there is no list
            return False, {"error": str(error).splitlines()[0] if str(error) else type(error).__name__}
        wanted = parse_qs(query).get("job")
        return True, [group for group in targets(seen.value) if wanted is None or group["labels"]["job"] in wanted]


def targets(rows: Rows) -> list[dict[str, Any]]:
    """Return the processes heard of within ten minutes, those that crashed included, grouped by their labels."""
    # Of several processes that had one address in turn, the one heard of last has it.
    newest = {row["address"]: row for row in reversed(rows) if row["address"] is not None}
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for address, row in sorted(newest.items()):
        groups[f"tutormax-{row['kind']}", row["service"]].append(address)
    return [
        {"targets": addresses, "labels": {"job": job, "service": service}}
        for (job, service), addresses in sorted(groups.items())
    ]
