"""How fast the library is, always against a stated rival or limit in the same run.

``python -m benchmarks`` runs everything, ``python -m benchmarks features`` only what is named; the
results lie in ``results.json`` and are shown by the page `speed` of the book. A benchmark is a
module here, named in `__main__`, with one function::

    run(progress: Callable[[str], None]) -> list[dict]

whose rows are made by `harness.row`, or by `harness.skipped` where something is not at hand.
"""
