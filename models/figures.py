"""Figures of a training run, for MLflow and the report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.data import Rows
from models.nets import Kind
from models.scores import LEVELS, reliability
from models.skill import net_quantiles, observed
from models.task import Epoch

GROUPS = 10


def loss_figure(curve: Sequence[Epoch]) -> Figure:
    """Training and validation score by epoch; the best epoch is marked."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    epochs, validation = [e.epoch for e in curve], [e.val_loss for e in curve]
    axes.plot(epochs, [e.train_loss for e in curve], label="training")
    axes.plot(epochs, validation, label="validation")
    best = int(np.argmin(validation))
    axes.axvline(epochs[best], color="grey", linestyle=":", label=f"best epoch {epochs[best]}")
    axes.set(xlabel="epoch", ylabel="log score, nats")
    axes.legend()
    return figure


def calibration_figure(
    kind: Kind, curves: NDArray[np.floating], raw: NDArray[np.floating], outcomes: NDArray[np.uint8]
) -> Figure:
    """Frequency of the event against the forecast probability, before and after calibration, for both curves (n, 2,
    K).
    """
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    for i, axes in enumerate(figure.subplots(1, 2)):
        axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
        for label, values in (("net", raw), ("calibrated", curves)):
            table = reliability(values[:, i], outcomes[:, i])
            axes.plot(table[:, 0], table[:, 1], marker="o", label=label)
        axes.set(xlabel="probability", ylabel="frequency", title=kind.curves[i])
        axes.legend()
    return figure


def excursion_figure(kind: Kind, curves: NDArray[np.floating], rows: Rows, grid: NDArray[np.float64]) -> Figure:
    """Forecast and observed quantiles of the excursion, in % of price, in ten groups of rows by forecast median."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    forecast, y = 100 * net_quantiles(curves, rows, grid, LEVELS), 100 * observed(rows)
    groups = np.array_split(np.argsort(forecast[:, 2], kind="stable"), GROUPS)
    x = [forecast[g, 2].mean() for g in groups]
    for j, level in enumerate(LEVELS):
        (line,) = axes.plot(x, [forecast[g, j].mean() for g in groups], label=f"{level:g}")
        axes.plot(x, [np.quantile(y[g], level) for g in groups], color=line.get_color(), linestyle="none", marker="o")
    axes.set(
        xlabel="forecast median, % of price",
        ylabel=f"{kind.excursion}, % of price",
        title="quantiles: forecast (lines), observed (dots)",
    )
    axes.legend(title="level")
    return figure
