"""What was read of a dataset, for a person who wants to know in ten seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

_MAX_SHOWN = 5


@dataclass(frozen=True)
class Reading:
    """What a dataset has beside its images."""

    notes: list[str] = field(default_factory=list)
    """Sentences about rows that do not agree, or that look wrong."""
    skipped: dict[str, list[Path]] = field(default_factory=dict)
    """Files and folders that are not read, by reason."""
    without_image: list[str] = field(default_factory=list)
    """Ids of products that are named and have no image that is read."""

    def lines(self) -> list[str]:
        """The notes, and the skipped files by reason with counts."""
        skipped = [
            f"{len(paths)} not read, {reason}: {listed([path.name for path in paths])}"
            for reason, paths in self.skipped.items()
        ]
        return [*self.note_lines(), *skipped]

    def note_lines(self) -> list[str]:
        """The notes; of many, the first."""
        hidden = len(self.notes) - 4 * _MAX_SHOWN
        more = [f"and {hidden} more of such notes"] if hidden > 0 else []
        return [*self.notes[: 4 * _MAX_SHOWN], *more]


def join(readings: list[Reading]) -> Reading:
    """Several as one."""
    skipped: dict[str, list[Path]] = {}
    for reading in readings:
        for reason, paths in reading.skipped.items():
            skipped.setdefault(reason, []).extend(paths)
    return Reading(
        [note for reading in readings for note in reading.notes],
        skipped,
        [product for reading in readings for product in reading.without_image],
    )


def listed(names: list[str], limit: int = _MAX_SHOWN) -> str:
    """Some of the names, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
