"""The findings as HTML, Markdown and JSON."""
