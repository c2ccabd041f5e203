"""Figures of the server as it is now: files in use, queues, memory."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from shelflens.errors import SignatureError
from shelflens.serve.connections import Connections
from shelflens.serve.metrics import Figure
from shelflens.serve.worker_pool import CurrentFiles, WorkerPool
from shelflens.signing.neighbours import read_serial

_STARTED = time.time()


def server_gauges(
    files: CurrentFiles,
    lookups: WorkerPool,
    catalog_work: WorkerPool,
    connections: Connections,
    failing: str,
) -> list[Figure]:
    """What is read when it is asked for.

    Args:
        files: Catalog and model.
        lookups: The queue of photos.
        catalog_work: The queue of work on the whole catalog.
        connections: Those of the server.
        failing: What the last trial lookup failed with.
    """
    catalog, card = files.latest.catalog, files.latest.embedder.card
    gauge, counter = Figure.gauge, Figure.counter
    figures = [
        gauge(
            "shelflens_catalog_info",
            "The catalog and the model in use.",
            1,
            fingerprint=catalog.fingerprint,
            space=catalog.space,
            model=card.name,
            variant=card.variant,
        ),
        gauge("shelflens_catalog_products", "Products in the catalog.", len(catalog)),
        gauge("shelflens_catalog_rows", "Rows in the catalog.", catalog.row_count),
        counter("shelflens_files_taken_total", "New catalogs and models put to use.", files.taken),
        counter("shelflens_files_refused_total", "New ones that were not.", files.refused),
        gauge("shelflens_healthy", "1 unless the last trial lookup failed.", not failing),
        gauge("shelflens_connections", "Connections that are open.", len(connections)),
        counter(
            "shelflens_connections_ended_total", "Idle ones that made room.", connections.ended
        ),
        counter(
            "shelflens_connections_refused_total", "New ones without room.", connections.refused
        ),
        counter(
            "shelflens_connections_malformed_total",
            "Those that sent what is not HTTP.",
            connections.malformed,
        ),
        gauge("shelflens_lookups_pending", "Lookups that run or wait.", lookups.pending),
        gauge(
            "shelflens_catalog_work_pending",
            "Tasks on the whole catalog that run or wait.",
            catalog_work.pending,
        ),
        gauge("process_start_time_seconds", "Seconds since 1970.", _STARTED),
    ]
    if (written := files.written_at) is not None:
        text = "Since the catalog's file was written."
        figures.append(gauge("shelflens_catalog_age_seconds", text, time.time() - written))
    if (serial := _serial(catalog.path)) is not None:
        text = "Highest serial of a signed catalog that was in use."
        figures.append(gauge("shelflens_catalog_serial", text, serial))
    if (held := _resident_bytes()) is not None:
        figures.append(gauge("process_resident_memory_bytes", "Memory held.", held))
    return figures


def _serial(catalog: Path | None) -> int | None:
    """What `--trust` remembers beside the catalog; None without."""
    try:
        return read_serial(catalog) if catalog is not None else None
    except (SignatureError, OSError):  # lookups do not need it
        return None


def _resident_bytes() -> int | None:
    if sys.platform != "linux":
        return None
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
