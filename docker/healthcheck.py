"""Ends with 0 when the container's own /healthz answers 200, else with 1 and one line."""

from __future__ import annotations

import os
import ssl
import sys
import urllib.request

URL = os.environ.get("SHELFLENS_HEALTH", "http://127.0.0.1:8080/healthz")


def main() -> int:
    """Ask once."""
    # On loopback the certificate's name is another one, and nobody is between.
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(URL, timeout=12, context=trusting) as answer:
            answer.read()
    except OSError as error:
        print(f"{URL}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
