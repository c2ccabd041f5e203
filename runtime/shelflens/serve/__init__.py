"""The web server of `shelflens serve`, with the [serve] extra.

The only part of the runtime that opens a port; it opens no connection of its own.
"""
