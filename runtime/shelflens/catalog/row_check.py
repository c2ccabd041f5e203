"""Rows and their scales, checked part by part while the file is read for its checksums."""

from __future__ import annotations

import numpy as np

from shelflens.catalog.checks import check_scales
from shelflens.catalog.content import Content
from shelflens.catalog.rows import Rows


class RowCheck:
    """Whether each scale is one over the length of its row."""

    def __init__(self, content: Content, rows: Rows) -> None:
        """Begin.

        Args:
            content: The file that the rows lie in.
            rows: As it was opened with.
        """
        self._rows = rows
        self._first = content.offset_of(rows.values) or 0
        self._errors: list[ValueError] = []

    def visit(self, start: int, data: memoryview | bytes) -> None:
        """Check the rows in a part of the file.

        Args:
            start: Where the part starts; no part holds less than the whole of a row.
            data: Its bytes.
        """
        offset, dim = start - self._first, self._rows.dim
        if not 0 <= offset < len(self._rows) * dim:
            return
        values = np.frombuffer(data, np.int8).reshape(-1, dim)
        begin = offset // dim
        try:
            check_scales(values, self._rows.scales[begin : begin + len(values)])
        except ValueError as error:
            self._errors.append(error)

    def require_sound(self) -> None:
        """Refuse what was found.

        Raises:
            ValueError: a scale that is not one over the length of its row.
        """
        if self._errors:
            raise self._errors[0]
