"""``python -m ser_lib.cli``, where the command `ser` is not installed."""

import sys

from ser_lib.cli import main

sys.exit(main())
