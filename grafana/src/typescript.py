"""The dashboards as TypeScript, so that its compiler holds them against Grafana's own types.

As literals: a JSON file that is imported loses what its strings may be, and tells of no field too many.
"""

import sys
from pathlib import Path

from grafana.src.__main__ import DASHBOARDS

BUILT = Path(__file__).parents[1] / "build"


def source(dashboards: dict[str, str]) -> str:
    """Return the TypeScript of dashboards, given as JSON by their names."""
    literals = "".join(
        f"\nexport const {name.replace('-', '_')}: Dashboard = {text.strip()};\n" for name, text in dashboards.items()
    )
    return f'import type {{ Dashboard }} from "../src/types/dashboard";\n{literals}'


def main() -> int:
    """Write what `npm run check` looks at."""
    BUILT.mkdir(exist_ok=True)
    made = source({path.stem: path.read_text() for path in sorted(DASHBOARDS.glob("*.json"))})
    (BUILT / "dashboards.ts").write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
