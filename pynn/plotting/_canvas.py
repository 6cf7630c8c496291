# SPDX-License-Identifier: BSD-3-Clause
"""What all pictures share: panels, colours, dashes."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def canvas(
    rows: int, columns: int, width: float, height: float
) -> tuple["Figure", Any]:
    """Return a figure of panels, each `width` by `height` inches, and their axes."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "pynn.plotting needs matplotlib: pip install 'pynn[plot]'"
        ) from error
    figure, axes = pyplot.subplots(
        rows,
        columns,
        figsize=(width * columns, height * rows),
        squeeze=False,
    )
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(True, color="0.9", linewidth=0.8)
        axis.set_axisbelow(True)
    return figure, axes


def grid(count: int, widest: int = 3) -> tuple[int, int]:
    columns = min(count, widest)
    return -(-count // columns), columns


def style(i: int) -> dict[str, Any]:
    return {"color": COLORS[i % len(COLORS)], "linestyle": _DASHES[i % len(_DASHES)]}


def label_whole(axis: Any, name: str) -> None:
    """Name the x axis of something counted, with ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_xlabel(name)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def legend(axis: Any, **kw: Any) -> None:
    """Add a legend that stays readable where curves pass below it."""
    axis.legend(framealpha=0.85, edgecolor="none", **kw)


def blank(axes: Any, used: int) -> None:
    for axis in list(axes.flat)[used:]:
        axis.set_visible(False)
