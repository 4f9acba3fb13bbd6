"""Matplotlib figures: opened, filled with images and titles, and shown.

Matplotlib is imported when the first figure is opened.

Shapes: N images, H W an image.
"""

import textwrap
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mrcnn.drawing.pictures import as_picture

# Matplotlib's own classes, which are not imported for their names alone.
Axes = Any
Figure = Any

# Points to an inch, and the width of a letter as a share of its height.
_POINTS, _LETTER_WIDTH = 72, 0.62

_shown: "weakref.WeakSet[Figure]" = weakref.WeakSet()


@contextmanager
def axes_or_figure(axes: Axes | None, figsize: tuple[float, float]) -> Iterator[Axes]:
    """The caller's axes; or those of a figure that is shown at the end.

    Args:
        axes: to draw on, or None for a figure
        figsize: of the figure, (width, height) in inches
    """
    if axes is not None:
        yield axes
        return
    from matplotlib import pyplot

    figure = new_figure(figsize)
    try:
        yield figure.add_subplot()
    except BaseException:
        pyplot.close(figure)
        raise
    show(figure)


def new_figure(figsize: tuple[float, float]) -> Figure:
    """An empty figure, the current one of `plt`, that leaves room for all its text."""
    from matplotlib import pyplot

    # Without a screen nobody closes a figure. The last one stays for plt.savefig.
    if pyplot.get_backend().lower() == "agg":
        for figure in list(_shown):
            pyplot.close(figure)
    return pyplot.figure(figsize=figsize, layout="constrained")


def show(figure: Figure) -> None:
    """Shows a figure of `new_figure`; without a screen, nothing happens."""
    from matplotlib import pyplot

    _shown.add(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*non-interactive.*", UserWarning)
        pyplot.show()


def show_images(
    images: Sequence[Any],
    titles: Sequence[str] | None = None,
    *,
    columns: int = 4,
    **options: Any,
) -> None:
    """Images in a grid, each under its title.

    Args:
        images: N times [H, W] or [H, W, C]
        titles: [N] or fewer
        columns: of the grid
        options: `cmap`, `norm` and `interpolation` of matplotlib's `imshow`
    """
    images = list(images)
    if not images:
        return
    columns = max(columns, 1)
    rows = -(-len(images) // columns)
    width = 14 / columns
    ratios = [np.shape(image)[0] / np.shape(image)[1] for image in images]
    height = width * min(max(np.median(ratios), 0.25), 2) + 0.4
    figure = new_figure((14, rows * height))
    every_title = [*(titles if titles is not None else ()), *[""] * len(images)]
    for index, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, index + 1)
        show_image(axes, image, **options)
        write_title(axes, every_title[index], width, fontsize=11)
    show(figure)


def show_image(axes: Axes, image: Any, *, cmap: Any = None, **options: Any) -> None:
    """An image without ticks; numbers without channels become greys or a colour map."""
    axes.set_axis_off()
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim != 2:
        axes.imshow(as_picture(pixels), **options)
        return
    pixels = pixels.astype("float32")
    if options.get("norm") is None:
        # Zero keeps its colour, so that a full mask does not look like an empty one.
        finite = pixels[np.isfinite(pixels)]
        low, high = min(finite.min(initial=0), 0), finite.max(initial=0)
        options |= {"vmin": low, "vmax": high if high > low else low + 1}
    axes.imshow(pixels, cmap="gray" if cmap is None else cmap, **options)


def write_title(
    axes: Axes,
    title: str,
    width: float | None = None,
    *,
    fontsize: float | None = None,
) -> None:
    """A title broken into lines that fit.

    Args:
        axes: to write above
        title: may have several lines
        width: inches it may take; by default the width of the axes' place
        fontsize: in points, by default larger over large axes
    """
    if width is None:
        width = axes.get_figure().get_figwidth() * axes.get_position(True).width
    if fontsize is None:
        fontsize = float(np.clip(1.4 * width, 10, 16))
    letters = max(int(width * _POINTS / (fontsize * _LETTER_WIDTH)), 8)
    lines = [textwrap.fill(line, letters) for line in str(title).splitlines()]
    axes.set_title(plain("\n".join(lines)), fontsize=fontsize)


def plain(text: str) -> str:
    """Text that matplotlib draws as it stands, not as a formula."""
    return text.replace("$", r"\$")
