"""Speech emotion recognition, from a folder of recordings to a written report.

The rooms, from the ground up: `audio`, `corpora`, `features`, `augment`, `models`, `splits`,
`evaluation`, `records`, `store`, `experiment`, `lite`, `bundle`, `prediction`, `training`,
`baselines`; words and figures: `tables`, `narrative`, `comparison`, `figures`, `diagrams`, `maps`,
and for single pages `pages`; and `report`, which executes notebooks and builds the book. The
shortest way through all of them:

    from ser_lib import training
    from ser_lib.experiment import Experiment

    record = training.run(Experiment(architecture="cnn_gru", corpus="demo", epochs=2))
    record.data["metrics"]["uar"]
"""

import warnings
from importlib.metadata import PackageNotFoundError, version

# Where a progress bar misses its widgets in a notebook; none is ever shown.
warnings.filterwarnings("ignore", message="IProgress not found")

try:
    __version__ = version("ser-lib")
except PackageNotFoundError:  # used from a folder without being installed
    __version__ = "0"
