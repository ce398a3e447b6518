"""A runbook quotes nothing that does not exist: it is read by somebody who cannot check."""

import contextlib
import io
import re
from argparse import ArgumentParser
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import pytest
from dramatiq.cli import make_argument_parser
from sqlalchemy import Connection, text

import tutormax.__main__
from grafana.src import known, promql
from schedules import __main__ as schedules_command
from tests.deploy import quoted
from tests.deploy.quoted import ROOT, Quote
from tutormax import enqueue, jobs, settings

SECTIONS = ("**Urgent?**", "## Look", "## Fix", "## Afterwards")
LONGEST_PAGE_LINES = 90
# Not ours, and on every machine where somebody mends things; py-spy and chronyc are named where they help.
FOREIGN = {
    *("chronyc", "curl", "date", "df", "promtool", "psql", "py-spy", "ss"),
    *("rabbitmq-diagnostics", "rabbitmqctl", "redis-cli"),
}

ALERTS = sorted({rule["alert"] for rule in known.alerts()})


def _tutormax(arguments: list[str]) -> object:
    parser = ArgumentParser()
    commands = parser.add_subparsers(required=True)
    for command in tutormax.__main__.COMMANDS:
        command.add(commands)
    return parser.parse_args(arguments)


def _enqueue(arguments: list[str]) -> object:
    import_module("actors")
    return enqueue._asked(arguments, jobs.declared())  # noqa: SLF001 - what it understands, without sending anything


def _schedules(arguments: list[str]) -> object:
    return schedules_command._parser().parse_args(arguments)  # noqa: SLF001 - what it understands, without serving


PARSERS: dict[str, Callable[[list[str]], object]] = {
    "tutormax": _tutormax,
    "tutormax.enqueue": _enqueue,
    "schedules": _schedules,
}


def understood(command: str) -> str:
    """Return why a command would be refused; nothing if it would not."""
    program, *arguments = quoted.words(command)
    if program in FOREIGN:
        return ""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            if program == "dramatiq":
                make_argument_parser().parse_args(arguments)  # type: ignore[no-untyped-call]
            elif program == "python" and arguments[:1] == ["-m"]:
                _module(arguments[1], arguments[2:])
            else:
                return f"{program} is no program that we know"
        except SystemExit as refusal:
            return said.getvalue() or str(refusal)
    return ""


def _module(name: str, arguments: list[str]) -> None:
    if name in PARSERS:
        if arguments:
            PARSERS[name](arguments)
    elif find_spec(name) is None or arguments:
        raise SystemExit(f"python -m {name} is not checked")


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {page.stem for page in quoted.pages()} - {"README"} == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_a_page_says_what_it_means_whether_it_can_wait_where_to_look_and_what_to_do(alert: str) -> None:
    page = (quoted.RUNBOOKS / f"{alert}.md").read_text()

    assert page.startswith(f"# {alert}\n")
    assert [page.index(section) for section in SECTIONS] == sorted(page.index(section) for section in SECTIONS)
    assert len(page.splitlines()) <= LONGEST_PAGE_LINES


@pytest.mark.parametrize("quote", quoted.commands(), ids=lambda quote: quote.runbook)
def test_a_quoted_command_is_understood(quote: Quote) -> None:
    assert understood(quote.text) == ""


@pytest.mark.parametrize(
    "invented",
    [
        "python -m tutormax jobs revive",
        "python -m tutormax health database",
        "python -m tutormax.enqueue evaluate_everything",
        "python -m tutormax.enqueue train_models --tutors 5",
        "python -m schedules --skip cleanup",
        "python -m tutormax.medic now",
        "dramatiq actors --swiftly",
        "tutormaxctl status",
    ],
)
def test_an_invented_command_would_be_noticed(invented: str) -> None:
    assert understood(invented) != ""


def test_modules_named_in_sentences_exist() -> None:
    named = {quote.text.split()[2] for quote in quoted.inline() if quote.text.startswith("python -m ")}

    assert {name for name in named if find_spec(name) is None} == set()


@pytest.mark.parametrize("quote", quoted.blocks("sql"), ids=lambda quote: quote.runbook)
def test_quoted_sql_runs_on_the_schema(connection: Connection, quote: Quote) -> None:
    for statement in quote.text.split(";"):
        if statement.strip():
            connection.execute(text(statement.replace(":", r"\:"))).all()


@pytest.mark.parametrize("quote", quoted.blocks("promql"), ids=lambda quote: quote.runbook)
def test_quoted_promql_asks_for_what_is_exported(quote: Quote) -> None:
    for line in quote.text.splitlines():
        # A page on labels asks for whatever a process exports.
        if "{job=" not in line.partition("__name__")[2]:
            assert known.unknown(line) == []
        assert promql.parsed(line)


def test_other_alerts_settings_targets_and_files_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    provisioned = (ROOT / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text()
    variables = {settings.variable_of(field) for field in settings.Settings.model_fields}
    variables |= set(re.findall(r"\$\{(\w+)\}", provisioned))
    for quote in quoted.inline():
        if re.fullmatch(r"TutorMax\w+", quote.text):
            assert quote.text in ALERTS, quote
        if re.fullmatch(r"TUTORMAX_\w+", quote.text):
            assert quote.text in variables, quote
        if re.fullmatch(r"make [a-z-]+", quote.text):
            assert quote.text.removeprefix("make ") in targets, quote
        if re.fullmatch(r"[\w.-]+(/[\w.*-]+)+", quote.text) and not quote.text.startswith("application/"):
            assert (ROOT / quote.text).exists(), quote
