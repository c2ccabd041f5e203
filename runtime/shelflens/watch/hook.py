"""--exec: a command for every answer, which cannot delay the camera."""

from __future__ import annotations

import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from shelflens.errors import DataError

_QUEUE_SIZE = 4
"""Answers that may wait for the command; more would come too late to be useful."""


def split(command: str) -> list[str]:
    """The words of a command line, the first one as a path. No shell reads them.

    Raises:
        DataError: quotes without an end, or no such program.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise DataError(f"--exec {command!r}: {error}") from error
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise DataError(f"--exec {command!r}: no such program, or it may not be run")
    return [os.path.abspath(program), *words[1:]]  # noqa: PTH100 - a link stays a link


class Hook:
    """Runs a command per answer, one at a time, in a thread of its own.

    The answer is on its standard input as JSON, and in `SHELFLENS_DECISION`, `SHELFLENS_ID`,
    `SHELFLENS_NAME` and `SHELFLENS_CONFIDENCE`. What it prints goes to standard error.
    """

    def __init__(self, words: list[str], *, seconds: float, report: Callable[[str], None]) -> None:
        """Start waiting for answers.

        Args:
            words: From `split`.
            seconds: How long a command may run before it is ended.
            report: Called with one line for each command that fails, in the thread.
        """
        self._words, self._seconds, self._report = words, seconds, report
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue(_QUEUE_SIZE)
        self._thread = threading.Thread(target=self._work, name="shelflens exec", daemon=True)
        self._thread.start()

    def run(self, answer: dict[str, Any]) -> None:
        """Have the command run for an answer; returns at once."""
        try:
            self._answers.put_nowait(answer)
        except queue.Full:
            self._report(
                f"--exec: {_QUEUE_SIZE} answers are waiting for the command; this one is left out"
            )

    def close(self) -> None:
        """Run the answers that wait, within the time of one command, and end."""
        try:
            self._answers.put(None, timeout=self._seconds)
        except queue.Full:
            return
        self._thread.join(self._seconds + 2)

    def _work(self) -> None:
        while (answer := self._answers.get()) is not None:
            try:
                problem = self._once(answer)
            except (OSError, ValueError) as error:
                problem = str(error)
            if problem:
                self._report(f"--exec {self._words[0]}: {problem}")

    def _once(self, answer: dict[str, Any]) -> str:
        environment = {**os.environ, **variables(answer)}
        process = subprocess.Popen(
            self._words,
            stdin=subprocess.PIPE,
            stdout=2,  # standard output is for answers alone
            env=environment,
            start_new_session=True,
        )
        try:
            process.communicate(json.dumps(answer, ensure_ascii=False).encode(), self._seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return f"took longer than {self._seconds:g} s and was ended"
        status = process.returncode
        return f"exit status {status}" if status else ""


def variables(answer: dict[str, Any]) -> dict[str, str]:
    """The environment variables of an answer."""
    values = {
        "SHELFLENS_DECISION": answer["decision"],
        "SHELFLENS_ID": answer["id"] or "",
        "SHELFLENS_NAME": answer["name"] or "",
        "SHELFLENS_CONFIDENCE": str(answer["confidence"]),
    }
    return {key: value.replace("\0", " ") for key, value in values.items()}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and what it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (OSError, AttributeError):  # already gone; or a system without groups
        process.kill()
    process.communicate()
