"""The actors, one module a queue: `dramatiq actors` serves them all, `-Q` picks."""

from importlib import import_module
from pathlib import Path

from tutormax import broker, middleware, schema

broker.install(middleware=middleware.standard(), fit=schema.fit)

# After the broker, whatever order a formatter would like.
for _module in sorted(Path(__file__).parent.glob("*.py")):
    if _module.stem != "__init__":
        import_module(f"actors.{_module.stem}")
