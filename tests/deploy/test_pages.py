"""The papers say what the code says, and name no command that nobody has run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml.projection import risk_level
from tests.deploy.test_runbooks import understood
from tutormax.commands.show_settings import page
from tutormax.windows import WINDOW_DAYS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANAGERS = (DEPLOY / "for_managers.md").read_text()
# What is ours is parsed as it is written; what is not must be marked, too.
# Runbooks are run by test_quoted_commands.py; what npm installs is nobody's paper.
OTHERS = {"runbooks", "node_modules"}
OURS = re.compile(r"(?:\S*/)?(python -m (?:tutormax|tutormax\.enqueue|schedules)|dramatiq) ")


def test_the_page_of_settings_is_what_the_code_says() -> None:
    kept = (DEPLOY / "configuration.md").read_text()

    assert kept == page(), "run python -m tutormax settings --markdown > deploy/configuration.md"


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table whose first heading is this."""
    table = MANAGERS.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_flags_that_managers_read_are_those_of_the_statement() -> None:
    sql = (ROOT / "tutormax" / "sql" / "evaluation" / "judge.sql").read_text()
    greens, reds = (
        re.findall(r"(\w+) (>=|<=|=|<|>) ([\d.]+)", of)
        for of in re.findall(r"num_nonnulls\((.*?)\)::smallint", sql, re.DOTALL)
    )
    flags = [(*green, *red[1:]) for green, red in zip(greens, reds, strict=True)]
    assert [name for name, *_ in greens] == [name for name, *_ in reds]
    words = {">=": "at least", "<=": "at most", "<": "below", ">": "over"}

    def said(name: str, sign: str, number: str) -> str:
        if sign == "=":
            return "none"
        plain = name == "average_rating"
        share = float(number) * (1 if name.endswith("_pct") else 100)
        return f"{words[sign]} {number if plain else f'{share:g} %'}"

    assert [row[1:] for row in rows("number")] == [
        [said(name, green, at_least), said(name, red, below)] for name, green, at_least, red, below in flags
    ]
    assert len(flags) == 6


def test_the_tiers_that_managers_read_are_those_of_the_statement() -> None:
    sql = (ROOT / "tutormax" / "sql" / "evaluation" / "judge.sql").read_text()
    case = sql.rpartition(" end as tier")[0].rpartition("case\n")[2].rstrip()
    rules = [line.strip().removeprefix("when ") for line in case.splitlines()]
    told = dict(rows("tier"))

    assert rules == [
        "sessions_scheduled < 5 then null",
        "green_flags >= 5 and red_flags = 0 then 'exemplary'",
        "red_flags >= 3 then 'at_risk'",
        "red_flags >= 1 then 'needs_attention'",
        "green_flags >= 3 then 'strong'",
        "else 'developing'",
    ], "the table of tiers in deploy/for_managers.md says this in words: mend both"
    assert told["exemplary"] == "5 or more green, none red"
    assert told["at risk"] == "3 or more red"
    assert told["needs attention"] == "1 or 2 red"
    assert told["strong"] == "3 or 4 green, none red"
    assert told["too little evidence"].startswith("fewer than 5 sessions")
    assert f"the last {WINDOW_DAYS[0]}, {WINDOW_DAYS[1]} and {WINDOW_DAYS[2]} days" in MANAGERS


def test_the_levels_that_managers_read_are_those_of_the_model() -> None:
    told: dict[int, str] = {}
    for level, score, _ in rows("level"):
        first, last = map(int, score.split(" to "))
        told |= dict.fromkeys(range(first, last + 1), level)

    assert told == {score: risk_level(score).value for score in range(101)}


def test_who_has_left_is_told_as_it_is_labelled() -> None:
    spells = (ROOT / "ml" / "features" / "sql" / "churn_spells.sql").read_text()

    assert "at + interval '336 hours' as idle_at" in spells
    assert "no session for 14 days" in MANAGERS


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a page that somebody will paste into a shell, and what the page says of its being run."""

    page: str
    mark: str
    commands: tuple[str, ...]


def papers() -> list[Path]:
    """Return what people read before and while they run TutorMax; what runbooks quote is run by another test."""
    return [ROOT / "README.md", *(path for path in sorted(DEPLOY.rglob("*.md")) if not OTHERS & {*path.parts})]


def blocks() -> Iterator[Block]:
    """Yield every block of commands, fenced or indented, with the mark before it."""
    fence = r"^```(?:sh|console|text)\n(?P<fenced>(?:.*\n)*?)```"
    indented = r"(?P<indented>(?:^    (?:make|\.venv/bin/|python|docker|kubectl|sudo).*\n)+)"
    block = re.compile(rf"(?:^<!-- (?P<mark>.*?) -->\n+)?(?:{fence}|{indented})", re.MULTILINE)
    for path in papers():
        for found in block.finditer(path.read_text()):
            lines = (found["fenced"] or found["indented"]).replace("\\\n", " ").splitlines()
            shown = [line for line in lines if line.startswith("$ ")]
            if found["fenced"] and found[0].count("```text") and not shown:
                continue
            wanted = [line.removeprefix("$ ").split("  #")[0].strip() for line in shown or lines]
            commands = tuple(line for line in wanted if line and not line.startswith("#"))
            yield Block(path.name, found["mark"] or "", commands)


BLOCKS = list(blocks())


def test_there_are_blocks_to_look_at() -> None:
    assert len(BLOCKS) >= 15
    assert {block.page for block in BLOCKS} >= {"README.md", "backup.md", "upgrades.md", "developers.md"}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}: {block.commands[0]}")
def test_a_block_of_commands_is_run_by_a_test_or_says_why_not(block: Block) -> None:
    how, _, what = block.mark.partition(": ")

    if how == "not run here":
        assert len(what.split()) >= 4, f"say why not: {what!r}"
        return
    assert how == "run by", (
        f"{block.page}: mark {block.commands} by <!-- run by: FILE --> or <!-- not run here: WHY -->"
    )
    text = "\n".join((ROOT / name).read_text() for name in what.split(", "))
    for command in block.commands:
        missing = [word for word in telling(command) if word not in text]
        assert missing == [], f"{what} does not run {command}"


def test_what_is_typed_on_a_machine_of_systemd_s_is_told_where_the_servers_are() -> None:
    typed = [
        command for block in BLOCKS for command in block.commands if "/opt/tutormax/bin/python -m tutormax" in command
    ]
    [dropin] = (DEPLOY / "systemd").glob("*.service.d/10-common.conf")
    prefix = dropin.parent.name.removesuffix(".service.d")

    assert len(typed) >= 5
    assert [command for command in typed if not command.startswith(f"sudo systemd-run --unit={prefix}")] == []
    assert "DATABASE_URL_FILE=" in dropin.read_text()
    assert "WORKER_MODEL_SAVE_PATH=" in dropin.read_text()


def telling(command: str) -> list[str]:
    """Return the words of a command by which one knows it again: its program, module and verb."""
    words = command.split()
    program = Path(words[0]).name
    if program == "python" and "-m" in words:
        module = words[words.index("-m") + 1]
        verb = [word for word in words[words.index("-m") + 2 :][:1] if re.fullmatch(r"[a-z_]+", word)]
        return [module, *verb]
    return [program, *(word for word in words[1:2] if re.fullmatch(r"[a-z][a-z-]+", word))]


@pytest.mark.parametrize(
    "command",
    # What the developers' page adds is there in its own test's copy only.
    sorted({one for block in BLOCKS for one in block.commands if OURS.match(one) and "silent" not in one}),
)
def test_a_command_of_ours_is_understood(command: str) -> None:
    assert understood(re.sub(r"^\S*/(python|dramatiq) ", r"\1 ", command).partition(" > ")[0].partition(" | ")[0]) == ""


@pytest.mark.parametrize("path", papers(), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), target
