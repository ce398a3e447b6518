"""What no line of ours does: pickle, load what could run, or format values into SQL."""

import ast
from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest

from tests.faults.harness import ROOT

SOURCES = sorted(
    path
    for folder in ("tutormax", "ml", "actors", "schedules", "grafana", "tests", "deploy")
    for path in (ROOT / folder).rglob("*.py")
    if "node_modules" not in path.parts
)
# What reads these runs whatever their writer wanted.
FORBIDDEN_MODULES = {
    "pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle", "skops",
}  # fmt: skip
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
LOADERS = {("yaml", "load"), ("torch", "load"), ("pandas", "read_pickle")}
EXECUTES = {"execute", "scalars", "scalar", "exec_driver_sql", "text", "TextClause"}
# Names of tables and columns cannot be bound. Here they are constants of ours, never a value that somebody sent.
IDENTIFIERS_ARE_FORMATTED_IN = {
    "tutormax/ingest/organization.py",
    "tutormax/ingest/staging.py",
    "tutormax/partitions.py",
    "tutormax/planner.py",
}


def dangerous(tree: ast.AST) -> Iterator[str]:
    """Yield what could run somebody else's code."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        yield from (f"line {node.lineno}: {name}" for name in names if name.partition(".")[0] in FORBIDDEN_MODULES)  # type: ignore[attr-defined]  # imports have lines
        if isinstance(node, ast.Call):
            yield from _dangerous_call(node)


def _dangerous_call(call: ast.Call) -> Iterator[str]:
    told = ast.unparse(call.func)
    if told in FORBIDDEN_CALLS or "PickleEncoder" in told:
        yield f"line {call.lineno}: {told}"
    if tuple(told.rpartition(".")[::2]) in LOADERS:
        yield f"line {call.lineno}: {told}"
    for keyword in call.keywords:
        if keyword.arg == "allow_pickle" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value):
            yield f"line {call.lineno}: allow_pickle"


def formatted(tree: ast.AST) -> Iterator[str]:
    """Yield where a statement is put together out of values."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        if ast.unparse(node.func).rpartition(".")[2] not in EXECUTES:
            continue
        first = node.args[0]
        made = isinstance(first, ast.JoinedStr) and any(isinstance(part, ast.FormattedValue) for part in first.values)
        joined = isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mod | ast.Add)
        if made or joined or (isinstance(first, ast.Call) and ast.unparse(first.func).endswith(".format")):
            yield f"line {node.lineno}: {ast.unparse(first)[:60]}"


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_nothing_of_ours_reads_what_could_run() -> None:
    found = {str(path.relative_to(ROOT)): list(dangerous(parsed(path))) for path in SOURCES}

    assert {path: lines for path, lines in found.items() if lines} == {}


def test_values_are_bound_and_never_formatted_into_sql() -> None:
    ours = [path for path in SOURCES if not path.is_relative_to(ROOT / "tests")]
    found = {str(path.relative_to(ROOT)): list(formatted(parsed(path))) for path in ours}

    assert {path for path, lines in found.items() if lines} == IDENTIFIERS_ARE_FORMATTED_IN


@pytest.mark.parametrize(
    "planted",
    [
        "import pickle",
        "from joblib import load",
        "import os, marshal",
        "from cloudpickle.cloudpickle import dumps",
        "yaml.load(text)",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "numpy.savez(path, allow_pickle=True)",
        "eval(text)",
        "dramatiq.encoder.PickleEncoder()",
    ],
)
def test_what_is_planted_is_found(planted: str) -> None:
    assert list(dangerous(ast.parse(planted)))


@pytest.mark.parametrize(
    "planted",
    [
        'connection.execute(text(f"select * from tutors where name = {name}"))',
        'connection.exec_driver_sql("select " + column)',
        'connection.execute("delete from jobs where actor = %s" % actor)',
        'text("select {}".format(column))',
    ],
)
def test_planted_sql_is_found(planted: str) -> None:
    assert list(formatted(ast.parse(planted)))


def test_messages_are_json() -> None:
    assert isinstance(dramatiq.get_encoder(), dramatiq.JSONEncoder)
