"""Fails when a test was skipped that may not be: `python tests/support/skips.py REPORT.xml ...`."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ALLOWED = {
    "test_systemd_takes_the_unit[picamera]": "no systemd-analyze here; its text is tested too",
    "test_systemd_takes_the_unit[/dev/video0]": "no systemd-analyze here; its text is tested too",
    "test_no_permission_to_write": "root may write anywhere; its sibling covers the message",
    "test_the_report_fits_its_window[1280]": "no Chromium here; the report is read as XML too",
    "test_the_report_fits_its_window[390]": "no Chromium here; the report is read as XML too",
    "test_the_image_is_built_and_healthy[serve]": "no builder of images here; the steps are run",
    "test_the_image_is_built_and_healthy[watch]": "no builder of images here; the steps are run",
    "test_the_steps_make_a_server_that_writes_nothing": "the images are built instead",
    "test_the_steps_make_a_camera_loop_that_writes_nothing": "the images are built instead",
}


def skipped(report: Path) -> dict[str, str]:
    """Name and reason of each skipped test in a JUnit report.

    Raises:
        LookupError: the report has no tests at all.
    """
    cases = list(ElementTree.parse(report).iter("testcase"))
    if not cases:
        raise LookupError(f"{report}: no test ran")
    return {
        case.get("name", "?"): (case.find("skipped").get("message") or "")  # type: ignore[union-attr]
        for case in cases
        if case.find("skipped") is not None
    }


def main(reports: list[str]) -> int:
    """Print what was skipped; 1 when something was that may not be."""
    bad = 0
    for report in reports:
        for name, reason in skipped(Path(report)).items():
            allowed = ALLOWED.get(name)
            print(f"{'allowed' if allowed else 'NOT ALLOWED'}: {name} skipped: {reason}")
            bad += allowed is None
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
