"""Where runs lie in the workspace, and which of them a short name means."""

from pathlib import Path

from ser_lib.core.errors import RecordError
from ser_lib.core.files import SUMS, workspace
from ser_lib.experiments.run import read
from ser_lib.models import bundle


def folder_of(corpus: str) -> Path:
    """Return the folder of a corpus's runs in the workspace."""
    return workspace() / "runs" / corpus


def folders() -> list[Path]:
    """Return the folders of all finished runs in the workspace, the newest first."""
    records = (workspace() / "runs").glob(f"[!.]*/[!.]*/{SUMS}")
    newest = sorted(records, key=lambda file: (-file.stat().st_mtime, str(file)))
    return [file.parent for file in newest]


def find(name: str) -> Path:
    """Return the folder of a run by its path, or by a name that is short but the only one.

    That is the corpus, the corpus and the beginning of the run's name up to any dash, or the
    beginning of its key: ``emodb``, ``emodb/cnn_gru``, ``cnn_gru-speaker``, ``3f2a``. Of several
    it is the one with the usual parameters, if there is one; of the same experiment with several
    versions of the library or of the corpus it is the newest.
    """
    if (Path(name) / "record.json").is_file():
        return Path(name)
    found = _named(name)
    if len(found) > 1:
        found = [folder for folder in found if not read(folder).given] or found
    if len({(f.parent, read(f).architecture, repr(read(f).record.parameters)) for f in found}) == 1:
        return found[0]
    if not found:
        raise RecordError(f"there is no run '{name}'; `ser runs` lists those that there are")
    names = ", ".join(f"{folder.parent.name}/{folder.name}" for folder in found)
    raise RecordError(f"'{name}' may be {len(found)} runs: {names}")


def find_final(name: str = "") -> Path:
    """Return the folder of the run whose model is to be taken along: see `Run.take_along`.

    Of all that a name as of `find` allows it is one with the usual parameters, if there is one, and
    of several that of the highest UAR in validation. Without a name it is one of the corpus that
    was used last, a synthetic one only if there is no other. Where none is, it is what `find`
    finds.
    """
    finals = [read(folder) for folder in _named(name) if bundle.final(folder).is_dir()]
    if not name:
        finals = [run for run in finals if not run.record.corpus.synthetic] or finals
        finals = [run for run in finals if run.record.corpus.name == finals[0].record.corpus.name]
    if finals:
        order = {run.folder: (bool(run.given), -run.mean("validation_uar")) for run in finals}
        return min(order, key=order.__getitem__)
    if name:
        return find(name)
    raise RecordError(
        "there is no model to take along yet; make one: ser run lda --corpus CORPUS --data DIR"
    )


def find_enrolled(corpus: str) -> Path:
    """Return the folder of the newest run of a corpus that enrols speakers and was taken along."""
    for folder in _named(corpus):
        if bundle.final(folder).is_dir() and read(folder).record.parameters.get("enrolled"):
            return folder
    raise RecordError(
        f"no model of '{corpus}' can be enrolled; one is made by ser.train('lda', corpus, "
        "enrolled=True)"
    )


def _named(name: str) -> list[Path]:
    """Return the folders of the runs that a name allows, the newest first; of all without one."""
    corpus, _, rest = name.rpartition("/")

    def named(folder: Path) -> bool:
        own, key = folder.name, folder.name.rpartition("-")[2]
        known = own == rest or own.startswith(f"{rest}-") or key.startswith(rest)
        return folder.parent.name == name or (known and corpus in ("", folder.parent.name))

    return [folder for folder in folders() if named(folder)]
