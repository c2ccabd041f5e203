"""Layouts: the printed label of a pack."""
