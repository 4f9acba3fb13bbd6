"""What a terminal shows of training: a bar for every epoch, with losses and time."""

import shutil
import sys
from collections.abc import Mapping

import keras

# Characters that the bar itself, the time left and the time of a step take.
BAR_WIDTH = 48

Metrics = Mapping[str, float]


class ProgressBar(keras.callbacks.Callback):
    """Draws Keras' bar with as many losses as the terminal has room for.

    A line that is longer than the terminal could not be drawn over, so some wait for
    the end of the epoch, which shows all numbers.

    Args:
        verbose: 1 for a bar, 2 for a line an epoch; "auto" is a bar in a terminal and
            a line elsewhere
    """

    def __init__(self, verbose: int | str = "auto") -> None:
        super().__init__()
        if verbose == "auto":
            verbose = 1 if sys.stdout.isatty() else 2
        self.verbose = verbose
        self._bar: keras.utils.Progbar | None = None

    def on_epoch_begin(self, epoch: int, logs: Metrics | None = None) -> None:
        """Begins a bar."""
        print(f"Epoch {epoch + 1}/{self.params['epochs']}")
        # The numbers are means over the epoch already; none is left to average.
        self._bar = keras.utils.Progbar(
            self.params["steps"], verbose=self.verbose, stateless_metrics=()
        )

    def on_train_batch_end(self, batch: int, logs: Metrics | None = None) -> None:
        """Moves the bar on."""
        if self.verbose == 1 and self._bar is not None:
            columns = shutil.get_terminal_size().columns
            room = columns - BAR_WIDTH - 2 * len(str(self.params["steps"]))
            shown = list(first_that_fit(logs or {}, room).items())
            self._bar.update(batch + 1, shown, finalize=False)

    def on_epoch_end(self, epoch: int, logs: Metrics | None = None) -> None:
        """Ends the bar with all numbers."""
        if self._bar is not None:
            numbers = list((logs or {}).items())
            self._bar.update(self.params["steps"], numbers, finalize=True)


def first_that_fit(numbers: Metrics, room: int) -> dict[str, float]:
    """The first of some numbers that a line has room for, as Keras writes them."""
    chosen = {}
    for name, number in numbers.items():
        room -= len(f" - {name}: 0.0000e-00")
        if room < 0:
            break
        chosen[name] = number
    return chosen
