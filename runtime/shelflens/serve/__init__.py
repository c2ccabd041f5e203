"""A small web server beside the catalog: `shelflens serve`, with the [serve] extra.

The only part of the runtime that opens a port, and it opens no connection of its own.
"""
