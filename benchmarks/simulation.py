"""Write the table of the page on protocols: ``make study``. See `ser_lib.metrics.simulation`."""

from pathlib import Path

from ser_lib.core.files import write_atomically
from ser_lib.metrics import simulation

FILE = Path(__file__).parents[1] / "book" / "simulation.csv"

if __name__ == "__main__":
    table = simulation.table(simulation.study())
    write_atomically(FILE, table.to_csv(index=False, lineterminator="\n", na_rep="-"))
    print(table.to_string(index=False))
