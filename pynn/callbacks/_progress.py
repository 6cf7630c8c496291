# SPDX-License-Identifier: BSD-3-Clause
"""What `fit`, `evaluate` and `predict` print.

With verbose=1 a terminal (or a notebook) gets a bar that is drawn over and over;
anything else, such as a log file, gets one line when an epoch is over. With verbose=2
everybody gets the line, under a header.
"""

from __future__ import annotations

from pynn.callbacks._base import Callback, Logs
from pynn.utils._progbar import Progbar, write


class ProgbarLogger(Callback):
    """Prints the progress of a call; added by ``verbose=``.

    Parameters
    ----------
    verbose : {1, 2}
        Bar or lines.
    """

    def __init__(self, verbose: int = 1) -> None:
        self._verbose = verbose
        self._fitting = False
        self._seen = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._fitting = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._fitting = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begin()
        epochs = self.params.get("epochs", 1)
        if epochs > 1:
            title = f"Epoch {epoch + 1}/{epochs}"
            if self._verbose == 1 and not self._bar.live:
                self._bar.prefix = f"{title} - "
            else:
                write(f"{title}\n")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._end(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._fitting:
            self._begin()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._fitting:
            self._end(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._end(None)

    def update(self, seen: int, logs: Logs) -> None:
        """Draw the bar again if it is time.

        Parameters
        ----------
        seen : int
            Steps done in this epoch (or call).
        logs : dict
            Values to show.
        """
        self._seen = seen
        self._bar.update(seen, logs.items(), finalize=False)

    def _begin(self) -> None:
        self._seen = 0
        steps = self.params.get("steps")  # None: batches that come until they end
        self._bar = Progbar(steps, verbose=self._verbose, stateless_metrics=())

    def _end(self, logs: Logs | None) -> None:
        steps = self.params.get("steps") or max(self._seen, 1)
        self._bar.update(steps, (logs or {}).items(), finalize=True)
