"""Models: whether the one in service is fresh and right, and scores."""

from grafana.src.legends import RISK_COLORS
from grafana.src.model import Dashboard, Unit
from grafana.src.panels import STAT_HEIGHT, falling, query, rising, row, stat, table, timeseries
from grafana.src.variables import MODEL, WHERE

CHOSEN = '$scope, model=~"$model"'
UNTRAINED = "no model is in service"
UNMEASURED = "no night of 200 scored tutors was measured in the last 36 hours"

DASHBOARD = Dashboard(
    uid="tutormax-models",
    title="TutorMax / Models",
    description="Is the model in service fresh and right, and does it still see the world it learned from?",
    variables=(*WHERE, MODEL),
    since="now-7d",
    rows=(
        row(
            stat(
                "Model age",
                "Did last night's training take effect?",
                Unit.DURATION,
                query(f"time() - max by (model) (tutormax_model_trained_timestamp_seconds{{{CHOSEN}}})", "{{model}}"),
                steps=rising(warning=86400 + 7200, bad=3 * 86400),
                when_empty=UNTRAINED,
            ),
            table(
                "Version in service",
                "Which model decides?",
                Unit.NUMBER,
                query(f"max by (model, version, algorithm) (tutormax_model_info{{{CHOSEN}}})", "in service"),
                when_empty=UNTRAINED,
            ),
            height=STAT_HEIGHT,
            widths=(8, 16),
        ),
        row(
            timeseries(
                "Area under the curve, by data set",
                "Does the model rank tutors well, before its service and in it? 0.5 is guessing, 1 is knowing.",
                Unit.NUMBER,
                query(f"max by (model, dataset) (tutormax_model_auc_ratio{{{CHOSEN}}})", "{{model}} {{dataset}}"),
                steps=falling(good=0.85),
                minimum=0.5,
                maximum=1,
                when_empty=UNTRAINED,
            ),
            timeseries(
                "Brier score, by data set",
                "Are the probabilities right? Lower is better.",
                Unit.NUMBER,
                query(
                    f"max by (model, dataset) (tutormax_model_brier_score_ratio{{{CHOSEN}}})", "{{model}} {{dataset}}"
                ),
                minimum=0,
                when_empty=UNTRAINED,
            ),
        ),
        row(
            timeseries(
                "Feature drift",
                "Which inputs have moved? Population stability index of last night; from 0.25 on they have.",
                Unit.NUMBER,
                query(
                    f"topk(10, max by (model, feature) (tutormax_model_feature_psi{{{CHOSEN}}}))",
                    "{{model}} {{feature}}",
                ),
                steps=rising(warning=0.1, bad=0.25),
                minimum=0,
                when_empty=UNMEASURED,
            ),
            timeseries(
                "Score drift",
                "Have the scores moved as a whole? More than 0.1 wants a look.",
                Unit.NUMBER,
                query(f"max by (model) (tutormax_model_score_psi{{{CHOSEN}}})", "{{model}}"),
                steps=rising(bad=0.1),
                minimum=0,
                when_empty=UNMEASURED,
            ),
        ),
        row(
            timeseries(
                "Predictions by risk level",
                "Are predictions made, and of what kind?",
                Unit.NUMBER,
                query(
                    f"""
                    sum by (risk_level) (increase(tutormax_predictions_total{{{CHOSEN}}}[$__rate_interval])) > 0
                    """,
                    "{{risk_level}}",
                ),
                counts=True,
                colors=RISK_COLORS,
                stacked=True,
                minimum=0,
                when_empty="nobody was scored in this range",
            ),
        ),
    ),
)
