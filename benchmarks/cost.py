"""What a large corpus would cost, from costs per utterance that were measured on a small one.

Everything that is done once per utterance grows linearly (`growth` shows how far), so ten million
utterances cost what so many times one utterance does. Work on many machines adds no core hours but
those in which a core waits for the last task of the others.
"""

from dataclasses import dataclass

# Examples, to be replaced by those of your provider: per hour of one core, and per GB and month of
# object storage, in one currency.
PRICES = {"core hour": 0.04, "GB month": 0.02}
UNITS = {"core_hours": "core hours", "gb": "GB", "money": "units of money"}
"""What a bill says of each part."""
HOUR = 3600.0
GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one utterance costs.

    Attributes
    ----------
    manifest, features, training, prediction
        Core seconds: seconds by the clock times the processors that were busy. Training counts one
        network and one epoch.
    audio_bytes, feature_bytes
        Bytes on disk.
    """

    manifest: float
    features: float
    training: float
    prediction: float
    audio_bytes: float
    feature_bytes: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done.

    Attributes
    ----------
    utterances
        In the corpus.
    networks, folds, epochs
        Each of the networks is trained once for every fold, for so many epochs, on all but the
        fold's test part.
    months
        For which audio and features are kept.
    """

    utterances: int = 10_000_000
    networks: int = 3
    folds: int = 5
    epochs: int = 30
    months: float = 1.0


def core_hours(measured: Measured, plan: Plan) -> dict[str, float]:
    """Return the core hours of each part.

    Every utterance is tested once by every network.

    Examples
    --------
    >>> one = Measured(manifest=0.36, features=3.6, training=1.8, prediction=3.6,
    ...                audio_bytes=0, feature_bytes=0)
    >>> core_hours(one, Plan(utterances=1000, networks=1, folds=2, epochs=10))
    {'manifest': 0.1, 'features': 1.0, 'training': 5.0, 'prediction': 1.0}
    """
    # With one fold there is no other part to train on; it is taken as a split that tests little.
    shown = plan.folds - 1 if plan.folds > 1 else 1  # times that all folds show an utterance
    visits = {
        "manifest": 1,
        "features": 1,
        "training": plan.networks * plan.epochs * shown,
        "prediction": plan.networks,
    }
    return {
        part: getattr(measured, part) * plan.utterances * times / HOUR
        for part, times in visits.items()
    }


def gigabytes(measured: Measured, plan: Plan) -> dict[str, float]:
    """Return the storage of audio and features in GB of 10^9 bytes."""
    return {
        "audio": measured.audio_bytes * plan.utterances / GB,
        "features": measured.feature_bytes * plan.utterances / GB,
    }


def bill(measured: Measured, plan: Plan, prices: dict[str, float] = PRICES) -> list[dict]:
    """Return what each part costs, and all of it.

    Returns
    -------
    list of dict
        ``part``, ``core_hours``, ``gb`` and ``money``, the last row the total.
    """
    hours, storage = core_hours(measured, plan), gigabytes(measured, plan)
    rows = [
        {
            "part": part,
            "core_hours": hours.get(part, 0.0),
            "gb": storage.get(part, 0.0),
            "money": hours.get(part, 0.0) * prices["core hour"]
            + storage.get(part, 0.0) * plan.months * prices["GB month"],
        }
        for part in dict.fromkeys([*storage, *hours])
    ]
    total = {name: sum(row[name] for row in rows) for name in ("core_hours", "gb", "money")}
    return [*rows, {"part": "all", **total}]


def in_words(plan: Plan, prices: dict[str, float] = PRICES) -> str:
    """Say what a bill is of.

    Examples
    --------
    >>> in_words(Plan(months=2))
    '3 networks, 5 folds, 30 epochs, kept 2 months; 0.04 per core hour, 0.02 per GB month'
    """
    given = ", ".join(f"{price:g} per {unit}" for unit, price in prices.items())
    return (
        f"{plan.networks} networks, {plan.folds} folds, {plan.epochs} epochs, "
        f"kept {plan.months:g} months; {given}"
    )
