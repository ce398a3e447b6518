"""Rules for a dashboard as a whole: its variables, its grid, its name."""

from collections.abc import Callable, Iterator, Mapping

from grafana.src import promql
from grafana.src.lint.findings import Json

Rule = Callable[[Json], Iterator[str]]

MOST_PANELS = 12
LONGEST_UID = 40
COLUMNS = 24
ON_TIME_RANGE_CHANGED = 2


def _variables(dashboard: Json) -> list[Json]:
    variables: list[Json] = dashboard["templating"]["list"]
    return variables


def _queries(dashboard: Json) -> list[Json]:
    return [variable for variable in _variables(dashboard) if variable["type"] == "query"]


def one_datasource(dashboard: Json) -> Iterator[str]:
    """Ask for exactly one data source, to be chosen."""
    found = [variable for variable in _variables(dashboard) if variable["type"] == "datasource"]
    if [(variable["name"], variable.get("label"), variable["query"]) for variable in found] != [
        ("datasource", "Data source", "prometheus")
    ]:
        yield "wants one variable datasource, labelled Data source, of type prometheus"


def _chooses(name: str, label: str) -> Rule:
    def rule(dashboard: Json) -> Iterator[str]:
        variable = next((each for each in _queries(dashboard) if each["name"] == name), None)
        if variable is None:
            yield f"has no variable {name}"
            return
        wanted = {"label": label, "multi": True, "includeAll": True, "allValue": ".+"}
        for key, value in wanted.items():
            if variable.get(key) != value:
                yield f"variable {name} wants {key} {value!r}, not {variable.get(key)!r}"
        if variable["datasource"]["uid"] != "${datasource}":
            yield f"variable {name} has a data source of its own"

    return rule


def parsable_variables(dashboard: Json) -> Iterator[str]:
    """Ask that the series whose labels are offered can be parsed."""
    for variable in _queries(dashboard):
        query = variable["query"]
        if not (query.startswith("label_values(") and query.endswith(")")):
            yield f"variable {variable['name']} is no label_values(...)"
            continue
        selector, _, _ = query.removeprefix("label_values(").removesuffix(")").rpartition(",")
        try:
            promql.parsed(selector)
        except ValueError as error:
            yield f"variable {variable['name']}: {error}"


def reloaded_variables(dashboard: Json) -> Iterator[str]:
    """Ask that what can be chosen follows the time range."""
    for variable in _queries(dashboard):
        if variable["refresh"] != ON_TIME_RANGE_CHANGED:
            yield f"variable {variable['name']} does not follow the time range"


def not_editable(dashboard: Json) -> Iterator[str]:
    """Ask that nobody changes by hand what is written by a program."""
    if dashboard["editable"] is not False:
        yield "can be edited"


def short_uid(dashboard: Json) -> Iterator[str]:
    """Ask for a name that links can rely on."""
    uid = dashboard["uid"]
    if not uid.startswith("tutormax-") or len(uid) > LONGEST_UID:
        yield f"uid {uid!r} does not begin with tutormax- or is longer than {LONGEST_UID}"


def few_panels(dashboard: Json) -> Iterator[str]:
    """Ask for no more than one can take in."""
    if len(dashboard["panels"]) > MOST_PANELS:
        yield f"has {len(dashboard['panels'])} panels, at most {MOST_PANELS} can be taken in"


def unshared_grid(dashboard: Json) -> Iterator[str]:
    """Ask that panels lie beside each other and inside the grid."""
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        if place["x"] + place["w"] > COLUMNS:
            yield f"{panel['title']} reaches beyond column {COLUMNS}"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                if other != panel["title"]:
                    yield f"{panel['title']} lies on {other}"
                    return


def links_that_remember(dashboard: Json) -> Iterator[str]:
    """Ask that whoever goes on to another dashboard keeps what was chosen."""
    if not dashboard["links"]:
        yield "has no link to the others"
    for link in dashboard["links"]:
        if not (link["includeVars"] and link["keepTime"]):
            yield f"link {link['title']} forgets variables or time"


RULES: Mapping[str, Rule] = {
    "template-datasource-rule": one_datasource,
    "template-job-rule": _chooses("job", "Job"),
    "template-instance-rule": _chooses("instance", "Instance"),
    "template-label-promql-rule": parsable_variables,
    "template-on-time-change-reload-rule": reloaded_variables,
    "uneditable-dashboard": not_editable,
    "uid-rule": short_uid,
    "panel-count-rule": few_panels,
    "grid-rule": unshared_grid,
    "link-rule": links_that_remember,
}
