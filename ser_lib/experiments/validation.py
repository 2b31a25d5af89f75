"""What the networks of a run answer to their validation utterances.

A record holds the predictions of the test parts. Whatever is fitted after training, such as a
temperature, needs those of the validation parts: here they are computed from the bundles that the
folds left behind, once, and kept in `runs/<corpus>/validation/<key>.csv`.
"""

from pathlib import Path

import pandas as pd

from ser_lib.core import jobs as parallel
from ser_lib.core.files import digest, sources, write_atomically
from ser_lib.corpora import Manifest
from ser_lib.experiments import records, run
from ser_lib.experiments.experiment import Experiment
from ser_lib.experiments.fit import start_worker
from ser_lib.experiments.records import Record
from ser_lib.experiments.splits import Fold
from ser_lib.features import store
from ser_lib.features.store import Store
from ser_lib.models import bundle


def predictions(record: Record, manifest: Manifest, *, workers: int | None = None) -> pd.DataFrame:
    """Return the predictions of every fold's network for its validation part.

    Parameters
    ----------
    record
        A finished run.
    manifest
        The corpus that it was made from.
    workers
        Processes; by default as many as there are processors.

    Returns
    -------
    DataFrame
        Columns of a record's predictions: utterance, speaker, fold, truth, predicted and a
        `p_<emotion>` for each emotion. An utterance can validate several folds.

    Raises
    ------
    RecordError
        If the bundles of the folds are not there any more.
    """
    experiment = Experiment.of(record)
    fitted = run.fitted(experiment, manifest)
    # The folder of the folds is named by all that decides what is in it.
    folds = [str(folder.relative_to(records.runs(experiment.corpus))) for _, folder in fitted]
    key = digest(folds, *sources("experiments/validation.py"))
    file = records.runs(experiment.corpus) / "validation" / f"{key}.csv"
    if not file.is_file():
        maps = store.build(manifest, kind=experiment.feature_map, workers=workers)
        jobs = [(folder, maps.address, manifest.table, fold) for fold, folder in fitted]
        parts = parallel.each(_predict, jobs, workers=workers, initializer=start_worker)
        table = pd.concat(sorted(parts, key=lambda part: part["fold"].iloc[0]))
        write_atomically(file, table.to_csv(index=False, float_format="%.9g"))
    return records.read_predictions(file)


def _predict(folder: Path, store_address: str, table: pd.DataFrame, fold: Fold) -> pd.DataFrame:
    trained, statics = bundle.load(folder), Store(store_address, len(table))
    probabilities = trained.predict(statics[i] for i in fold.validation)
    emotions, rows = trained.front_end.emotions, table.iloc[fold.validation]
    return pd.DataFrame(
        {
            "utterance": rows["utterance"].to_numpy(),
            "speaker": rows["speaker"].to_numpy(),
            "fold": fold.name,
            "truth": rows["emotion"].to_numpy(),
            "predicted": [emotions[i] for i in probabilities.argmax(axis=1)],
        }
        | {f"p_{emotion}": probabilities[:, i] for i, emotion in enumerate(emotions)}
    )
