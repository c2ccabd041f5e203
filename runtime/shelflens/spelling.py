"""Which word was meant: for commands, options, product ids, columns and values."""

from __future__ import annotations

from collections.abc import Iterable

_MAX_KNOWN = 20_000
"""Words that are compared at most; 100,000 would take seconds."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` with the words nearest to this one, or nothing.

    Upper and lower case are the same; a word that holds the one typed is near as well.

    Args:
        word: As it was typed.
        known: The words there are.
    """
    from difflib import get_close_matches

    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(name.casefold(), name)
        if len(folded) > _MAX_KNOWN:
            return ""
    typed = word.casefold()
    close = get_close_matches(typed, folded, n=2, cutoff=0.7)
    if not close and len(typed) >= 3:
        close = [name for name in folded if typed in name][:3]
    names = " or ".join(folded[name] for name in close)
    return f"; did you mean {names}?" if names else ""
