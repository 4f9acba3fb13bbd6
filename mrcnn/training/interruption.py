"""Ctrl-C and a cluster's signal to end, heard between two steps."""

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

logger = logging.getLogger("mrcnn")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Notes a signal to end, within a `with` block, in place of acting on it.

    A second one acts as ever. Other threads than the main one hear no signals.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._handlers = {one: signal.signal(one, self._note) for one in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def raise_noted(self, message: str) -> None:
        """Ends the program, or what called it, as the signal would have.

        Raises:
            KeyboardInterrupt: after Ctrl-C, or where another machine was interrupted.
            SystemExit: after the signal to end.
        """
        if self.signal == signal.SIGTERM:
            logger.warning(message)
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt(message)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()
        logger.warning(
            "Heard %s: finishing the step and saving. Once more ends at once.",
            signal.Signals(number).name,
        )

    def _restore(self) -> None:
        for one, handler in self._handlers.items():
            signal.signal(one, handler)
        self._handlers = {}
