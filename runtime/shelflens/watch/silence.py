"""Why nothing is answered, said after some seconds and then more and more rarely."""

from __future__ import annotations

from collections import Counter

from shelflens.watch.scene import State

SECONDS = 5.0
"""Seconds without an answer after which the reason is said."""

REASONS: dict[State, str] = {
    "dark": "too dark; more light on the goods",
    "blurred": "not sharp; more light, another distance, or clean the lens",
    "moving": "it moves; hold it still, or fix the camera",
    "answered": "nothing new in the scene; it looks as it did at the last answer",
    "empty": "nothing new in the scene; it looks as the empty scene does",
}


class Silence:
    """Counts what the frames were since the last answer."""

    def __init__(self) -> None:
        self._since = self._begun = self._last = 0.0
        self._states: Counter[State] = Counter()
        self._said: Counter[State] = Counter()
        self.reasons: Counter[State] = Counter()
        """What all frames so far were, of those that led to no answer."""

    def note(self, at: float, state: State, *, answered: bool) -> str:
        """Take a frame; gives a line for people when it is time for one, else nothing.

        Each reason is said the first, second, fourth, eighth ... time that it holds for `SECONDS`.

        Args:
            at: When it was taken, s.
            state: What it was.
            answered: Whether it led to an answer.
        """
        if answered or not self._last <= at < self._last + SECONDS or not self._states:
            self._since = self._begun = at
            self._states.clear()
        self._last = at
        self._states[state] += 1
        if state in REASONS:
            self.reasons[state] += 1
        if at - self._begun < SECONDS:
            return ""
        reason = self._states.most_common(1)[0][0]
        self._begun = at
        self._states.clear()
        self._states[state] += 1
        if reason not in REASONS:
            return ""
        self._said[reason] += 1
        count = self._said[reason]
        if count & (count - 1):
            return ""
        return f"no answer for {at - self._since:.0f} s: {REASONS[reason]}"

    @property
    def reason(self) -> str:
        """What held longest, or nothing."""
        return REASONS[self.reasons.most_common(1)[0][0]] if self.reasons else ""
