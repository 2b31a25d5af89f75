"""What an experiment is: everything that decides its result, by name, and nothing else."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from ser_lib.core import jobs
from ser_lib.core.errors import ParameterError, choose
from ser_lib.core.files import digest
from ser_lib.corpora import describe
from ser_lib.corpora.loader import STYLES, parse
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.features import embeddings, maps
from ser_lib.features.copies import SETS
from ser_lib.models.bundle import CROPS
from ser_lib.models.networks import NETWORKS

ARCHITECTURES = {name: network.channels for name, network in NETWORKS.items()}
"""The networks of `models`, each with the channels of its usual feature map."""
RECIPES: dict[str, dict[str, object]] = {
    **{name: {"channels": n.channels, **n.recipe} for name, n in NETWORKS.items()},
    "lda": {},
}
"""Hyper-parameters in which the methods differ by default."""
PRECISIONS = ("auto", "float32", "bfloat16")
METHODS = tuple(RECIPES)
"""All that can be trained: the networks, and the discriminant on functionals."""

_NUMBER = (int, float)
_COUNT = ((int,), lambda v: v >= 1, "a whole number from 1")
_RATE = (_NUMBER, lambda v: 0 < v <= 1, "above 0, up to 1")
_SHARE = (_NUMBER, lambda v: 0 <= v < 1, "from 0, below 1")
_WEIGHT = (_NUMBER, lambda v: 0 <= v <= 100, "from 0 to 100")
_SWITCH = ((bool,), lambda v: True, "True or False")
_ALLOWED: dict[str, tuple[tuple[type, ...], Callable[..., bool], str]] = {
    # Folds count on from 1000 times the seed, and the generators of Keras take 32 bits.
    "seed": ((int,), lambda v: 0 <= v <= 10**6, "a whole number from 0 to 1000000"),
    "channels": ((int,), lambda v: v in (1, 3), "1 or 3"),
    "crops": ((int,), lambda v: 1 <= v <= CROPS, f"a whole number from 1 to {CROPS}"),
    **dict.fromkeys(("folds", "epochs", "batch_size"), _COUNT),
    **dict.fromkeys(("learning_rate", "shrinkage"), _RATE),
    **dict.fromkeys(("label_smoothing", "block_dropout", "head_dropout"), _SHARE),
    **dict.fromkeys(("weight_decay", "mixup"), _WEIGHT),
    **dict.fromkeys(("class_weights", "modulation", "enrolled"), _SWITCH),
}
"""Types and values of the parameters that are no names, and how errors describe them."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Corpus, feature map, architecture, protocol, hyper-parameters and seed.

    `None` stands for the usual choice: the corpus's protocol and epochs (its row in the
    catalogue), the architecture's channels and its row in `RECIPES`. It is replaced at once, so
    that an experiment always says what it is; but for `emotions` and `style`, where it means the
    usual emotions of the corpus and all of its utterances.

    Attributes
    ----------
    corpus
        Name in the catalogue, or several joined by commas.
    emotions, style
        What to tell apart, see `corpora.load`.
    protocol
        One of `splits.PROTOCOLS`; the usual one of a split that is read from a file is `given`.
    split
        File with the folds, see `splits.read`, instead of those that the protocol would make. The
        protocol is then what the split claims to be: `random` admits that its parts share speakers.
    folds
        Number of speaker groups, for the protocols `speaker-kfold` and `sentence+speaker` alone; in
        any other, and where a split is given, it decides nothing.
    feature_map, channels
        One of `features.MAPS`; 1 (static) or 3 (static, delta, delta-delta).
    epochs
        Passes over the training part.
    batch_size, learning_rate, weight_decay
        Of AdamW; the rate is the peak after a warm-up, then falls as a half cosine.
    label_smoothing, mixup
        In [0, 1), and the Beta parameter of mixup (0: none).
    block_dropout, head_dropout
        In [0, 1).
    class_weights
        Weigh utterances by the inverse frequency of their emotion.
    precision
        Of the maps in and between convolution blocks while a network trains: "float32";
        "bfloat16", faster on processors that multiply it; or "auto", bfloat16 on those and float32
        elsewhere, replaced as `None` is. Trained networks predict in float32.
    crops
        Windows of an utterance over which its probabilities are averaged in prediction, more
        for one that is longer than so many windows; 1 reads the centre alone.
    copies
        One of `features.copies.SETS`: a network is shown one of these copies of an utterance,
        another one in each epoch, and `lda` is fitted to all of them.
    test_copies
        One of the same, or of those before it: the copies of a tested utterance over which
        probabilities are averaged.
    features
        Of `lda`: "stack", its functionals, or numbers made elsewhere, see `features.embeddings`.
    modulation
        Whether `lda` reads how fast the rows move, besides their statistics.
    enrolled
        Whether `lda` sees each speaker relative to that speaker's own utterances, all of them,
        without their labels; those of the tested speaker, too, so it is not what an unknown voice
        would get.
    shrinkage
        Of `lda`, above 0, up to 1: see `models.lda`.
    seed
        Of weights, batches, augmentation and of splits that shuffle.
    """

    architecture: str
    corpus: str = "demo"
    emotions: str | None = None
    style: str | None = None
    protocol: str | None = None
    split: str | None = None
    folds: int = 5
    feature_map: str = "logmel"
    channels: int | None = None
    epochs: int | None = None
    batch_size: int = 16
    learning_rate: float | None = None
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    mixup: float | None = None
    block_dropout: float | None = None
    head_dropout: float = 0.2
    class_weights: bool = False
    precision: str = "auto"
    crops: int = 5
    copies: str | None = None
    test_copies: str | None = None
    features: str = "stack"
    modulation: bool = True
    enrolled: bool = False
    shrinkage: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        choose(self.architecture, METHODS, "architecture")
        row = describe(self.corpus)
        of_table = str(self.features).startswith("table:")
        usual = {
            "copies": "none" if of_table else "speed+tilt+channel",
            "shrinkage": 0.2 if self.enrolled else 0.05,
            "protocol": "given" if self.split is not None else row.protocol,
            "epochs": row.epochs,
        } | RECIPES[self.architecture]
        for name, value in usual.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for name in set(self.__annotations__) - set(names_of(self.architecture)):
            object.__setattr__(self, name, None)
        if self.emotions is not None:
            parse(self.emotions)
        if self.style is not None:
            choose(self.style, STYLES, "style")
        choose(self.protocol, PROTOCOLS, "protocol")
        if self.protocol == "given" and self.split is None:
            raise ParameterError(
                "protocol 'given' needs a split: a CSV file of utterances and parts (-p split=FILE)"
            )
        if self.split is not None and not Path(str(self.split)).is_file():
            raise ParameterError(
                f"split must be a CSV file of folds; there is no file {self.split}"
            )
        own = names_of(self.architecture)
        for name, (kinds, allowed, what) in _ALLOWED.items():
            value = getattr(self, name)
            if name in own and not (type(value) in kinds and allowed(value)):
                raise ParameterError(f"{name} must be {what}, not {value!r}")
        choose(self.copies, SETS, "set of copies")
        if of_table and self.copies != "none":
            raise ParameterError(f"features of a table have no copies; copies was {self.copies}")
        trained = list(SETS)[: list(SETS).index(self.copies) + 1]
        if self.test_copies is None:
            shown = "speed+tilt" if self.architecture == "lda" else "none"
            object.__setattr__(self, "test_copies", shown if shown in trained else self.copies)
        choose(self.test_copies, trained, "set of copies that training has, too,")
        if self.architecture in ARCHITECTURES:
            choose(self.feature_map, maps.MAPS, "feature map")
            choose(self.precision, PRECISIONS, "precision")
            if self.precision == "auto":
                fastest = "bfloat16" if jobs.has_bfloat16() else "float32"
                object.__setattr__(self, "precision", fastest)
        else:
            if self.features != "stack":
                object.__setattr__(self, "features", embeddings.stated(self.features))
            if self.enrolled and "speaker" not in PROTOCOLS[self.protocol].promises:
                raise ParameterError(
                    "a speaker can only be enrolled under a protocol that keeps the speakers of "
                    f"training and test apart, not under '{self.protocol}'"
                )

    def parameters(self) -> dict:
        """Return the fields of its method as plain JSON values; of a split's file, a hash."""
        given = {name: getattr(self, name) for name in names_of(self.architecture)}
        if self.split is not None:
            given["split"] = digest(Path(self.split))
        return given

    def decisive(self) -> dict:
        """Return those of `parameters` that decide a result: what a key is made of."""
        used = self.split is None and "folds" in PROTOCOLS[self.protocol].uses
        return {k: v for k, v in self.parameters().items() if used or k != "folds"}


_SHARED = ("architecture", "corpus", "emotions", "style", "protocol", "split", "folds", "copies",
           "test_copies", "seed")  # fmt: skip
_OF_LDA = ("features", "modulation", "enrolled", "shrinkage")


def names_of(architecture: str) -> list[str]:
    """Return the parameters that an architecture has, in order."""
    names = [field.name for field in fields(Experiment)]
    if architecture in ARCHITECTURES:
        return [name for name in names if name not in _OF_LDA]
    return [name for name in names if name in _SHARED + _OF_LDA]


def as_number(value):
    """Return a value of YAML, and the number if it is the text of one.

    >>> as_number("1e-3")  # to YAML, a number with an exponent needs a point
    0.001
    >>> as_number("logmel")
    'logmel'
    """
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    return value
