"""The final network at hand: its model card, the network in the reader's browser, and a quiz.

A card is what stands beside a model, in the form that model hubs read. The network in
the browser is the one that users get (`Record.bundle`), with float16 weights; its front end is
computed by ``book/_static/live.js``, which the tests compare with `bundle.FrontEnd`. In the quiz
the reader guesses what a network guessed that was not trained on the speaker.
"""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import yaml
from IPython.display import HTML

from ser_lib.core import audio
from ser_lib.core.errors import ParameterError
from ser_lib.core.files import write_atomically
from ser_lib.corpora import Corpus, Manifest, describe
from ser_lib.corpora.readers import emodb
from ser_lib.experiments import final, train
from ser_lib.experiments.run import Run
from ser_lib.experiments.splits import PROTOCOLS
from ser_lib.features import maps, spectrum
from ser_lib.metrics import scores
from ser_lib.models import bundle, export
from ser_lib.pages import players, runs
from ser_lib.pages.words import Fact, Markdown, block, rounded

MODEL = "application/x-tflite"
"""Kind of an output of a notebook of which `report.book` makes a file."""
FILE = "live.tflite"  # in the book
MARK = "library_name: ser-lib"
"""A line by which a model card is known as ours."""
LONGEST_S = 60  # of a recording, the browser listens to no more
CLIPS = 5  # of the quiz


@dataclass(frozen=True, eq=False)
class Card(Fact):
    """What is to be known of a run's model before it is used."""

    run: Run
    file: str = ""  # of an exported model

    def source(self) -> Markdown:
        """Return the text of the card as a block of code."""
        return block(self.text("card"), "markdown")

    @property
    def whole(self) -> bool:
        """Whether the model is that to take along, which is trained on all of the corpus."""
        return bundle.final(self.run.folder).is_dir()

    @property
    def corpus(self) -> Corpus:
        """The catalogue's row of the corpus."""
        return describe(self.run.record.corpus.name)

    @cached_property
    def speakers(self) -> list[tuple[str, float]]:
        """The tested speakers and the share of their utterances that is right, the lowest first."""
        if not self.run.n_speakers:
            return []
        table = self.run.predictions
        right = (table["truth"] == table["predicted"]).groupby(table["speaker"]).mean()
        return sorted(right.items(), key=lambda pair: (pair[1], pair[0]))

    @property
    def front_matter(self) -> Markdown:
        """What hubs read, as YAML between lines of dashes."""
        about, run = self.run.record.corpus, self.run
        names = {"uar": "Unweighted average recall (UAR)", "accuracy": "Accuracy",
                 "macro_f1": "Macro F1", "weighted_f1": "Weighted F1"}  # fmt: skip
        metrics = [
            {"type": {"uar": "recall", "accuracy": "accuracy"}.get(score, "f1"), "name": name,
             "value": rounded(run.metrics[score].value, 4),
             "args": {"interval_95": [rounded(end, 4) for end in run.metrics[score].interval]}}
            for score, name in names.items()
        ]  # fmt: skip
        task = {"type": "audio-classification", "name": "Speech emotion recognition"}
        dataset = {"name": about.title, "type": about.name, "split": run.protocol,
                   "revision": about.manifest_sha256}  # fmt: skip
        result = {"task": task, "dataset": dataset, "metrics": metrics}
        given = {
            "library_name": "ser-lib",
            "pipeline_tag": "audio-classification",
            "tags": ["speech-emotion-recognition", run.architecture],
            "license": "other",
            "license_name": self.corpus.licence,
            "datasets": [about.name],
            "model-index": [{"name": f"{run.architecture}-{about.name}", "results": [result]}],
        }
        text = yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=100)
        return Markdown(f"---\n{text}---")


@dataclass(frozen=True, eq=False)
class Live(Card):
    """The network for the browser, if it can be computed there, and when it should not answer."""

    model: bytes = b""
    threshold: float = 0.0  # of the highest probability; what is below is no answer
    reason: str = ""  # why there is no model

    @property
    def answers(self) -> tuple[float, float]:
        """The share of the tested utterances that get an answer, and of these what is right."""
        return final.answered(self.run, self.threshold)

    def device(self) -> "Device | Markdown":
        """Return what listens, for a notebook to show; or why nothing does."""
        if not self.model:
            return self.text("none")
        given = facts(bundle.read_front_end(self.run.folder)) | {"threshold": self.threshold}
        return Device(given, self.model, self.run.corpus)

    @property
    def clips(self) -> pd.DataFrame:
        """Rows of the predictions, with the probability p: one of each emotion before the next.

        The run's seed chooses them; nothing asks what was predicted.
        """
        table = self.run.predictions.assign(p=self.run.probabilities.max(axis=1))
        seed = self.run.record.parameters["seed"]
        table = table.drop_duplicates("utterance").sample(frac=1, random_state=seed)
        turn = table.groupby("truth").cumcount().to_numpy()
        return table.iloc[np.argsort(turn, kind="stable")[:CLIPS]]

    def quiz(self) -> HTML:
        """Return recordings to guess, with what listeners and the network made of them."""
        return players.html(
            "live/quiz.html",
            self.run.corpus,
            clips=list(self.clips.itertuples()),
            emotions=self.run.emotions,
            people=_recognised(self.run.corpus),
            threshold=self.threshold,
            unseen="speaker" in PROTOCOLS[self.run.protocol].promises,
        )


@dataclass(frozen=True, eq=False)
class Device:
    """Buttons and sentences for ``live.js``, and the network as a file of the book."""

    given: dict  # from `facts`
    model: bytes = field(repr=False)  # of megabytes, which a notebook would have twice
    corpus: Manifest  # whose recordings the page has, if its licence allows them

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        given = json.dumps(self.given)
        about = {"given": given, "size": len(self.model), "file": FILE}
        device = players.html("live/device.html", self.corpus, **about)
        return {"text/html": device.data, MODEL: b64encode(self.model).decode()}


def facts(front_end: bundle.FrontEnd) -> dict:
    """Return what a front end must know, as plain JSON values: those of `FrontEnd` and its parts.

    `ParameterError` if it is not that of a network on log-mel maps.
    """
    export.check(front_end)
    return {
        "emotions": front_end.emotions,
        "crops": front_end.crops,
        "channels": front_end.channels,
        "mean": front_end.standardiser.mean.tolist(),
        "std": front_end.standardiser.std.tolist(),
        "edges": spectrum.mel_edges().tolist(),
        "rate": audio.RATE,
        "size": spectrum.N_FFT,
        "hop": spectrum.HOP,
        "highest": spectrum.FMAX,
        "noise": float(spectrum.noise_floor()),
        "floor": spectrum.FLOOR_DB,
        "level": maps.LEVEL_DB,
        "frames": maps.FRAMES,
        "silence": audio.SILENCE,
        "shortest": audio.SHORTEST_S,
        "longest": LONGEST_S,
    }


def put_card(run: Run) -> None:
    """Write the card of a run's model to take along beside it, if there is one."""
    if (card := Card(run)).whole:
        write_atomically(bundle.final(run.folder) / "README.md", card.text("card") + "\n")


def _recognised(corpus: Manifest) -> dict[str, float]:
    """Return the share of listeners who recognised an utterance, where a corpus has listeners."""
    if corpus.corpus != "emodb" or not (file := emodb.listeners_file(corpus)).is_file():
        return {}
    return emodb.read_listeners(file).set_index("utterance")["recognised"].to_dict()


def precisions(run: Run, data: str | None = None) -> pd.DataFrame:
    """Compare the exported network with weights of each precision.

    It hears the utterances of the fold that tested it: their corpus is in the folder `data`.

    Returns
    -------
    DataFrame
        precision, size (MB), latency (ms for an utterance, median), difference (the largest of a
        probability from those of the run) and uar of the fold.
    """
    manifest = runs.load(run.record.corpus.name, data, run.record.parameters)
    tested = run.predictions[run.predictions["fold"] == run.record.bundle]
    signals = [audio.load(manifest.file(name)) for name in tested["utterance"]]
    expected = tested[[f"p_{emotion}" for emotion in run.emotions]].to_numpy(float)
    rows = []
    for precision in export.PRECISIONS:
        # Not the network to take along, which has heard these utterances.
        network = export.litert(run.folder / "bundle", precision=precision)
        result, seconds = export.answers(network, signals)
        size, latency = len(network) / 1e6, 1000 * float(np.median(seconds))
        difference = float(f"{np.abs(result - expected).max():.1g}")
        predicted = [run.emotions[i] for i in result.argmax(axis=1)]
        uar = rounded(scores.uar(list(tested["truth"]), predicted), 3)
        rows.append((precision, round(size, 2), round(latency, 1), difference, uar))
    return pd.DataFrame(rows, columns=["precision", "size", "latency", "difference", "uar"])


def measure(run: Run) -> Live:
    """Convert the network of a run, and find its threshold by validation."""
    threshold = final.threshold(train.validation(run), run.emotions)
    try:
        return Live(run, model=export.for_windows(run.folder), threshold=threshold)
    except ParameterError as error:  # the report goes on without what listens
        return Live(run, threshold=threshold, reason=str(error))
