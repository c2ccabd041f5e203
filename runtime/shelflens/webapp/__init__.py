"""The web app: a static site that recognises products in a browser, offline.

`build.build` assembles it; `site/` holds its sources, `vendor` fetches the inference engine.
"""
