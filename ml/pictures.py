"""The pictures of a model's report, as PNG: how well it ranks, whether to believe it, and what moves it."""

import io
import warnings
from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ml.calibration import Labels
from ml.contests import CHALLENGER, CHAMPION, LOGISTIC_REGRESSION, RULE, Contest
from ml.features.catalogue import NAMES
from ml.findings import Findings
from ml.projection import Probabilities
from ml.validation import Mask, Values, auc

# Before anything of matplotlib's looks for a screen.
mpl.use("Agg")

COLOURS = {CHALLENGER: "#1f5fa8", CHAMPION: "#2b8a3e", LOGISTIC_REGRESSION: "#e8890c", RULE: "#868e96"}
TITLES = {
    CHALLENGER: "this model",
    CHAMPION: "champion",
    LOGISTIC_REGRESSION: "logistic regression",
    RULE: "rule without a model",
}
# Two predictors may say almost the same: this model is solid, those that may lie upon it are dashed.
DASHES = {CHALLENGER: "-", CHAMPION: "--", LOGISTIC_REGRESSION: "--", RULE: "-"}
TENTHS = 10
FEATURES_SHOWN = 18
GREY = "#adb5bd"


def roc(contest: Contest) -> bytes:
    """Draw the share of churners found against the share of stayers alarmed about."""
    figure, axes = _figure(5.2, 4.8)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    for who, rows in _predictors(contest).items():
        labels, probabilities = contest.examples.labels[rows], contest.predictions[who][rows]
        order = np.argsort(-probabilities, kind="stable")
        found = np.cumsum(labels[order]) / labels.sum()
        alarmed = np.cumsum(1 - labels[order]) / (1 - labels).sum()
        # Rows of one probability are alarmed about together: one step, not one each.
        ends = np.append(np.flatnonzero(np.diff(probabilities[order])), len(order) - 1)
        label = f"{TITLES[who]}: AUC {auc(labels, probabilities):.3f}"
        axes.plot(
            np.append(0, alarmed[ends]),
            np.append(0, found[ends]),
            color=COLOURS[who],
            linestyle=DASHES[who],
            label=label,
        )
    axes.set(xlabel="stayers above the cut", ylabel="churners above the cut", title="ROC, 30 days")
    axes.legend(loc="lower right", frameon=False)
    return _png(figure)


def calibration(contests: Mapping[int, Contest]) -> bytes:
    """Draw what share left against what was predicted, in tenths of equal size; bars hold it 19 times in 20."""
    figure, axes = _figure(5.2, 4.8)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    for (horizon, contest), colour in zip(contests.items(), ("#c92a2a", "#e8890c", "#1f5fa8", "#2b8a3e"), strict=False):
        predicted, actual, spread = _tenths(contest.examples.labels, contest.predictions[CHALLENGER])
        axes.errorbar(
            predicted,
            actual,
            yerr=spread,
            color=colour,
            marker="o",
            markersize=4,
            capsize=2,
            label=f"{horizon} day{'s' if horizon > 1 else ''}",
        )
    axes.set(xlabel="predicted probability", ylabel="share who left", title="Calibration, tenths of the tutors")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(loc="upper left", frameon=False)
    return _png(figure)


def lift(contest: Contest) -> bytes:
    """Draw the share of churners met by whoever looks at a share of the tutors, most endangered first."""
    figure, axes = _figure(5.2, 4.8)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    for who, rows in _predictors(contest).items():
        labels = contest.examples.labels[rows]
        order = np.argsort(-contest.predictions[who][rows], kind="stable")
        found = np.cumsum(labels[order]) / labels.sum()
        looked = np.arange(1, len(order) + 1) / len(order)
        tenth = float(np.interp(0.1, looked, found)) / 0.1
        label = f"{TITLES[who]}: {tenth:.1f} x at a tenth"
        axes.plot(looked, found, color=COLOURS[who], linestyle=DASHES[who], label=label)
    axes.axvline(0.1, color=GREY, linewidth=1)
    axes.set(xlabel="tutors looked at, highest score first", ylabel="churners among them", title="Lift, 30 days")
    axes.legend(loc="lower right", frameon=False)
    return _png(figure)


def beeswarm(findings: Findings) -> bytes:
    """Draw what the largest features add to the log-odds of each tutor, coloured by their values, with shap."""
    # Slow to import, and of use nowhere else; its colours are made in a way that matplotlib will not allow some day.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap  # noqa: PLC0415

    figure, axes = _figure(9, 0.36 * FEATURES_SHOWN + 1.4)
    explanation = shap.Explanation(
        values=findings.contributions[:, :-1],
        base_values=findings.contributions[:, -1],
        data=findings.newest.astype(np.float64),
        feature_names=[name.replace("_", " ") for name in NAMES],
    )
    # It scatters points by numpy's one generator: the same model has the same picture.
    np.random.seed(0)  # noqa: NPY002
    shap.plots.beeswarm(
        explanation,
        max_display=FEATURES_SHOWN,
        ax=axes,
        show=False,
        plot_size=None,
        s=7,
        group_remaining_features=False,
    )
    axes.set_xlabel("added to the log-odds of leaving within 30 days (SHAP)")
    axes.tick_params(labelsize=9)
    axes.set_title("What moves the score of single tutors")
    return _png(figure)


def groups(findings: Findings) -> bytes:
    """Draw how much each group of features moves the log-odds of a tutor on average."""
    shares = findings.groups()
    figure, axes = _figure(9, 3.2)
    names = [name.replace("_", " ") for name in shares]
    bars = axes.barh(names[::-1], list(shares.values())[::-1], color=COLOURS[CHALLENGER])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.margins(x=0.1)
    axes.set(xlabel="mean change of the log-odds, in either direction", title="Groups of features")
    return _png(figure)


def _predictors(contest: Contest) -> dict[str, Mask]:
    rows = {who: contest.every for who in (CHALLENGER, LOGISTIC_REGRESSION, RULE) if who in contest.predictions}
    return rows | ({CHAMPION: contest.fair} if contest.comparable else {})


def _tenths(labels: Labels, probabilities: Probabilities) -> tuple[Values, Values, Values]:
    parts = np.array_split(np.argsort(probabilities, kind="stable"), min(TENTHS, len(labels)))
    predicted = np.array([probabilities[rows].mean() for rows in parts])
    actual = np.array([labels[rows].mean() for rows in parts])
    sizes = np.array([len(rows) for rows in parts])
    return predicted, actual, 1.96 * np.sqrt(actual * (1 - actual) / sizes)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    # Not through pyplot, which keeps every figure of the process.
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    written = io.BytesIO()
    # Without the date and the library's version: the same model has the same picture.
    figure.savefig(written, format="png", dpi=120, metadata={"Software": None})
    return written.getvalue()
