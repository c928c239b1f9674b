"""Figures of forecasts: beside the observations, and their error by step."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from lstm_tutorial.plots.style import (
    INK,
    MARKERS,
    SERIES_COLORS,
    drawing,
    headline,
    legend_below,
    new_axes,
)

Line = tuple[Sequence[float], Sequence[float]]


def forecasts(
    observed: Line,
    lines: Mapping[str, Line],
    title: str,
    xlabel: str,
    ylabel: str,
    bands: Sequence[tuple[Sequence[float], Sequence[float], Sequence[float]]] = (),
    band_name: str = "",
) -> Axes:
    """Draw forecasts over the observed series, with the intervals that should contain it.

    Args:
        observed: times and values of the series.
        lines: times and values of each named forecast; NaN interrupts a line.
        title: the finding that the figure shows.
        xlabel: of the times, with their unit.
        ylabel: of the values, with their unit.
        bands: times, lower and upper values of each interval.
        band_name: of all bands, for the legend.

    Returns:
        The axes.
    """
    with drawing():
        ax = new_axes()
        ax.plot(*observed, color=INK, lw=1.2, label="observed")
        for (name, line), color in zip(lines.items(), SERIES_COLORS[1:], strict=False):
            ax.plot(*line, color=color, label=name)
        for k, band in enumerate(bands):
            label = None if k else band_name
            ax.fill_between(*band, color=SERIES_COLORS[1], alpha=0.35, lw=0, label=label)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        headline(ax, title)
        legend_below(ax, 3)
    return ax


def error_by_step(errors: Mapping[str, Sequence[float]], title: str, ylabel: str) -> Axes:
    """Draw the error of several forecasts at each step ahead.

    Args:
        errors: for each name, the error one step ahead, two steps ahead, and so on.
        title: the finding that the figure shows.
        ylabel: of the errors, with their unit.

    Returns:
        The axes.
    """
    with drawing():
        ax = new_axes()
        styles = zip(SERIES_COLORS, MARKERS, strict=True)
        for (name, values), (color, marker) in zip(errors.items(), styles, strict=False):
            steps = range(1, len(values) + 1)
            ax.plot(steps, values, color=color, marker=marker, markevery=4, label=name)
        ax.set(xlabel="steps ahead", ylabel=ylabel, ylim=(0, None))
        headline(ax, title)
        legend_below(ax)
    return ax
