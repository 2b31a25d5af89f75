"""Speech emotion recognition, from a folder of recordings to a written report.

Rooms, from the ground up: `core`, `metrics` and `corpora`, `features`, `models`, `experiments`,
`pages`, `report`; a room imports only from those below it.
"""

import warnings
from importlib.metadata import PackageNotFoundError, version

# Where a progress bar misses its widgets in a notebook; none is ever shown.
warnings.filterwarnings("ignore", message="IProgress not found")

try:
    __version__ = version("ser-lib")
except PackageNotFoundError:  # used from a folder without being installed
    __version__ = "0"
