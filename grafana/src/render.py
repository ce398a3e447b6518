"""From values to the JSON that Grafana loads."""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Any

from grafana.src.model import Color, Dashboard, Kind, Panel, Query, Row, Step, Variable

Json = dict[str, Any]

COLUMNS = 24
SCHEMA_VERSION = 41
TAG = "tutormax"
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
# What Prometheus says of the moment, not of a while.
INSTANT = {Kind.STAT, Kind.BARGAUGE, Kind.TABLE}


def dashboard(made: Dashboard) -> Json:
    """Return one dashboard as Grafana's JSON model."""
    return {
        "uid": made.uid,
        "title": made.title,
        "description": made.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": made.since, "to": "now"},
        "timezone": "browser",
        "timepicker": {},
        "annotations": {"list": []},
        "links": [_LINK],
        "templating": {"list": [_DATASOURCE_VARIABLE, *map(_variable, made.variables)]},
        "panels": list(_panels(made.rows)),
    }


_LINK: Json = {
    "type": "dashboards",
    "title": "TutorMax",
    "tags": [TAG],
    "asDropdown": True,
    "includeVars": True,
    "keepTime": True,
    "targetBlank": False,
    "icon": "external link",
    "tooltip": "",
}
_DATASOURCE_VARIABLE: Json = {
    "type": "datasource",
    "name": "datasource",
    "label": "Data source",
    "query": "prometheus",
    "refresh": 1,
    "hide": 0,
    "includeAll": False,
    "multi": False,
}


def _variable(variable: Variable) -> Json:
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.label,
        "datasource": DATASOURCE,
        "query": variable.query,
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _panels(rows: Sequence[Row]) -> Iterator[Json]:
    top, number = 0, 1
    for row in rows:
        widths = row.widths or (COLUMNS // len(row.panels),) * len(row.panels)
        left = 0
        for panel, width in zip(row.panels, widths, strict=True):
            place = {"x": left, "y": top, "w": width, "h": row.height}
            yield {"id": number, "gridPos": place, **_panel(panel)}
            left, number = left + width, number + 1
        top += row.height


def _panel(panel: Panel) -> Json:
    made: Json = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.question,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel)},
        "options": _options(panel),
        "targets": [
            _target(panel, query, letter) for query, letter in zip(panel.queries, ascii_uppercase, strict=False)
        ],
    }
    if panel.kind is Kind.TABLE:
        made["transformations"] = _columns(panel.queries)
    return made


def _target(panel: Panel, query: Query, letter: str) -> Json:
    instant = panel.kind in INSTANT
    shape = {Kind.TABLE: "table", Kind.HEATMAP: "heatmap"}.get(panel.kind, "time_series")
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": query.expression,
        "legendFormat": query.legend,
        "instant": instant,
        "range": not instant,
        "format": shape,
        "exemplar": panel.exemplars,
        "editorMode": "code",
    }


def _defaults(panel: Panel) -> Json:
    known: Json = {
        "unit": panel.unit,
        "noValue": panel.when_empty,
        "min": panel.minimum,
        "max": panel.maximum,
        "decimals": 0 if panel.counts else None,
        "color": {"mode": "thresholds" if panel.kind in INSTANT else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": [_step(step) for step in panel.steps or _PLAIN]},
        "mappings": _mappings(panel),
        "custom": _custom(panel),
    }
    return {name: value for name, value in known.items() if value not in (None, [], {})}


_PLAIN = (Step(None, Color.NEUTRAL),)


def _step(step: Step) -> Json:
    return {"value": step.value, "color": step.color}


def _mappings(panel: Panel) -> list[Json]:
    if not panel.words:
        return []
    options = {value: {"text": text, "color": color} for value, (text, color) in panel.words.items()}
    return [{"type": "value", "options": options}]


def _custom(panel: Panel) -> Json:
    if panel.kind is Kind.TIMESERIES:
        return {
            "drawStyle": "bars" if panel.counts else "line",
            "lineWidth": 1,
            "fillOpacity": 60 if panel.counts else 25 if panel.stacked else 8,
            # A value with none beside it would not be seen as a line.
            "showPoints": "auto",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"},
        }
    if panel.kind is Kind.STATE_TIMELINE:
        return {"fillOpacity": 70, "lineWidth": 0}
    if panel.kind is Kind.TABLE:
        cell = {"type": "color-text" if panel.steps else "auto"}
        return {"align": "auto", "cellOptions": cell, "filterable": False, "inspect": False}
    return {}


def _overrides(panel: Panel) -> list[Json]:
    units = [_override(query.legend, unit=query.unit, decimals=2) for query in panel.queries if query.unit is not None]
    colors = [_override(name, color={"mode": "fixed", "fixedColor": color}) for name, color in panel.colors.items()]
    return units + colors


def _override(name: str, **properties: object) -> Json:
    changed = [{"id": what, "value": value} for what, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": changed}


def _options(panel: Panel) -> Json:
    return _OPTIONS[panel.kind] | ({"yAxis": {"unit": panel.unit}} if panel.kind is Kind.HEATMAP else {})


_NOW: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_NO_LEGEND: Json = {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []}
_OPTIONS: dict[Kind, Json] = {
    Kind.STAT: {
        "reduceOptions": _NOW,
        "orientation": "auto",
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    },
    Kind.TIMESERIES: {
        "legend": {
            "showLegend": True,
            "displayMode": "table",
            "placement": "bottom",
            "calcs": ["lastNotNull", "max"],
            "sortBy": "Max",
            "sortDesc": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc", "hideZeros": False},
    },
    Kind.BARGAUGE: {
        "reduceOptions": _NOW,
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "color",
        "namePlacement": "auto",
        "showUnfilled": True,
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 300,
        "legend": _NO_LEGEND,
    },
    Kind.HEATMAP: {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Oranges",
            "fill": "dark-orange",
            "scale": "exponential",
            "exponent": 0.5,
            "steps": 64,
            "reverse": False,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
    },
    Kind.STATE_TIMELINE: {
        "mergeValues": True,
        "showValue": "never",
        "alignValue": "left",
        "rowHeight": 0.85,
        "legend": _NO_LEGEND | {"showLegend": True},
        "tooltip": {"mode": "single", "sort": "none"},
    },
    Kind.TABLE: {"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
}


def _columns(queries: Sequence[Query]) -> list[Json]:
    """Return the transformations that make one table of all queries, with our names for Grafana's."""
    values = ["Value"] if len(queries) == 1 else [f"Value #{letter}" for letter in ascii_uppercase[: len(queries)]]
    names = {value: query.legend for value, query in zip(values, queries, strict=True)}
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": names, "indexByName": {}}},
    ]
