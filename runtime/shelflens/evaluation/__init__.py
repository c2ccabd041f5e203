"""Measuring a catalog with photos of one's own, and saying what to do next.

`evaluate` measures, `files.write` writes `report.json`, `report.md` and `report.html`.
"""
