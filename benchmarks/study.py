"""Write the tables of the page on protocols: ``make study``.

Those of recordings are of the demo corpus and, where ``SER_EMODB`` names its folder, of EmoDB; that
of trainings is of EmoDB alone.
"""

import os
from pathlib import Path

import pandas as pd

from benchmarks import coverage, duplicates, training
from ser_lib import corpora
from ser_lib.core.files import write_atomically

BOOK = Path(__file__).parents[1] / "book"


def main() -> None:
    """Write all tables."""
    manifests = [corpora.load("demo")]
    if folder := os.environ.get("SER_EMODB"):
        manifests.append(corpora.load("emodb", folder))
    tables = {
        "coverage": coverage.table(coverage.study()),
        "takes": duplicates.takes(manifests),
        "copies": duplicates.copies(manifests),
    }
    if folder:
        tables["training"] = training.table(manifests[-1])
    for name, table in tables.items():
        digits = "%.3f" if name in ("coverage", "training") else "%.2f"
        text = table.to_csv(index=False, lineterminator="\n", float_format=digits)
        write_atomically(BOOK / f"{name}.csv", text)
        print(f"{name}\n{pd.DataFrame(table).to_string(index=False)}\n")


if __name__ == "__main__":
    main()
