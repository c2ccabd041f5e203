"""Figures for a monitor, in the text format of Prometheus (exposition format 0.0.4).

No figure tells of a client, a photo or a product: paths are counted by route, and anything else as
`other`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

METRICS_TYPE = "text/plain; version=0.0.4"

ROUTES = (
    "lookup",
    "similar",
    "catalog",
    "pictures",
    "edit",
    "healthz",
    "metrics",
    "openapi.json",
    "docs",
)
"""First parts of the paths that are counted apart."""

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram, seconds: a lookup takes 7 ms on a desktop, 100 on a Pi 4."""


@dataclass(frozen=True)
class Figure:
    """One metric: its samples by labels."""

    name: str
    kind: str
    """counter, gauge or histogram."""
    text: str
    """What it is."""
    samples: tuple[tuple[str, Mapping[str, str], float], ...]
    """Suffix of the name, labels, value."""

    @classmethod
    def gauge(cls, name: str, text: str, value: float, **labels: str) -> Figure:
        """A figure that rises and falls."""
        return cls(name, "gauge", text, (("", labels, value),))

    @classmethod
    def counter(cls, name: str, text: str, value: float) -> Figure:
        """A figure that only rises."""
        return cls(name, "counter", text, (("", {}, value),))

    def lines(self) -> Iterable[str]:
        """As the format has it."""
        yield f"# HELP {self.name} {self.text}"
        yield f"# TYPE {self.name} {self.kind}"
        for suffix, labels, value in self.samples:
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            shown = f"{{{inside}}}" if inside else ""
            yield f"{self.name}{suffix}{shown} {value:.16g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@dataclass
class Histogram:
    """How many requests took how long."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    """By bucket, not yet summed up."""
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a request."""
        bucket = sum(seconds > bound for bound in BUCKETS_S)
        self.counts[bucket] += 1
        self.total_s += seconds


class Metrics:
    """Counts requests and decisions; used in the event loop's thread only."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: dict[str, Histogram] = {}
        self._decisions: Counter[str] = Counter(match=0, ambiguous=0, unknown=0)
        self._edits: Counter[str] = Counter()

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that is answered."""
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        route = f"/{first}" if first in ROUTES else "other"
        self._requests[route, status] += 1
        self._seconds.setdefault(route, Histogram()).add(seconds)

    def count_decision(self, decision: str) -> None:
        """Count the decision of an answer."""
        self._decisions[decision] += 1

    def count_edit(self, act: str) -> None:
        """Count a change of the catalog."""
        self._edits[act] += 1

    def text(self, more: Iterable[Figure]) -> str:
        """All figures, those counted here first."""
        requests = Figure(
            "shelflens_requests_total",
            "counter",
            "Requests answered.",
            tuple(
                ("", {"route": route, "status": str(status)}, count)
                for (route, status), count in sorted(self._requests.items())
            ),
        )
        decisions = Figure(
            "shelflens_decisions_total",
            "counter",
            "Answers by their decision.",
            tuple(("", {"decision": name}, count) for name, count in self._decisions.items()),
        )
        edits = Figure(
            "shelflens_edits_total",
            "counter",
            "Changes of the catalog by those who may edit.",
            tuple(("", {"act": act}, count) for act, count in sorted(self._edits.items())),
        )
        figures = [requests, self._histogram(), decisions, edits, *more]
        return "".join(f"{line}\n" for figure in figures for line in figure.lines())

    def _histogram(self) -> Figure:
        samples: list[tuple[str, Mapping[str, str], float]] = []
        for route, histogram in sorted(self._seconds.items()):
            total = 0
            bounds = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
            for bound, count in zip(bounds, histogram.counts, strict=True):
                total += count
                samples.append(("_bucket", {"route": route, "le": bound}, total))
            samples.append(("_sum", {"route": route}, histogram.total_s))
            samples.append(("_count", {"route": route}, total))
        text = "From the head of a request to the end of its answer."
        return Figure("shelflens_request_seconds", "histogram", text, tuple(samples))
