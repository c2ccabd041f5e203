"""`python -m shelflens` is `shelflens`."""

import sys

from shelflens.cli import main

sys.exit(main())
