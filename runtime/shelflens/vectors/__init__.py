"""Rows of a catalog in the forms that vector engines load, and back."""
