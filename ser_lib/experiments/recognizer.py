"""A model at hand: the emotions of files, folders and arrays, by the name of what was trained."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import numpy as np

from ser_lib.core.errors import AudioError, ParameterError
from ser_lib.models import bundle
from ser_lib.models import predict as answers
from ser_lib.models.lda import Discriminant
from ser_lib.models.predict import Predictions, Sound

if TYPE_CHECKING:
    from ser_lib.experiments.run import Run


class Recognizer:
    """A trained model that recognises the emotion of recordings; threads may share it.

    Parameters
    ----------
    model
        A `Run`, the folder of a run or of a bundle, or a short name: ``"emodb"``, ``"emodb/lda"``,
        the beginning of a key. By default the model to take along that was made last; see
        `Run.take_along`, and `names.find_final` for which of several.

    Attributes
    ----------
    folder
        Where the model lies; it may be copied to any place and opened there.
    emotions
        What it tells apart, in the order of all probabilities.
    about
        Its corpus, what can be expected of it, and where it abstains; None if it is not one to take
        along.

    Raises
    ------
    RecordError
        If there is no such model, or it is damaged.

    Examples
    --------
    ``Recognizer("emodb").predict("talk.wav", segments=True).table``
    """

    folder: Path
    emotions: list[str]
    about: bundle.About | None
    _home: TemporaryDirectory | None = None

    def __init__(self, model: "Run | str | Path | None" = None) -> None:
        place = model if model is None or isinstance(model, str | Path) else model.folder
        if place is None or not bundle.written(place):
            from ser_lib.experiments import names  # pandas, which a model by its path does not need

            place = names.find_final(str(place or ""))
        self.folder = Path(place)
        self.emotions = bundle.read_front_end(self.folder).emotions
        self.about = bundle.about(self.folder)

    def predict(
        self,
        sounds: str | Path | np.ndarray | Iterable[str | Path] | Sequence[np.ndarray],
        *,
        rate: int | None = None,
        segments: bool = False,
        workers: int | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Predictions:
        """Return what the model says of recordings.

        Parameters
        ----------
        sounds
            Audio files and folders of them; or arrays, float [samples] or [samples, channels] at
            full scale 1.0, or integers.
        rate
            Sampling rate of arrays, in Hz.
        segments, workers, progress
            As of `models.predict.predict`.

        Raises
        ------
        ParameterError
            If arrays come without their rate.
        AudioError
            If a folder holds no audio. A single file that cannot be read costs no other its answer:
            see `Predictions.refused`.
        """
        given = [sounds] if isinstance(sounds, str | Path | np.ndarray) else sounds
        named: list[str | Path | Sound] = []
        for number, sound in enumerate(given):
            if not isinstance(sound, np.ndarray):
                named.append(sound)
            elif rate is None:
                raise ParameterError("an array needs its sampling rate in Hz, such as rate=16000")
            else:
                named.append((f"array {number}", sound, rate))
        return answers.predict(
            named, self.folder, segments=segments, workers=workers, progress=progress
        )

    def enrol(self, clips: str | Path | Iterable[str | Path]) -> "Recognizer":
        """Return the recogniser of one voice, of which there are recordings without labels.

        It needs a run that was trained with ``enrolled=True``: its own or, if there is one, that of
        the same corpus. Fewer than ten recordings are no better than none. The model of the voice
        goes with the recogniser; who wants to keep it copies its `folder`.

        Parameters
        ----------
        clips
            Audio files of the speaker, and folders of them.

        Raises
        ------
        ParameterError
            If the model cannot be enrolled.
        RecordError
            If no run can be.
        AudioError
            If a recording cannot be read.
        """
        place = self.folder
        if getattr(bundle.read_front_end(place), "speaker", None) is None:
            from ser_lib.experiments import names

            place = names.find_enrolled(bundle.read_front_end(place).corpus)
        model, about = cast(Discriminant, bundle.load(place)), bundle.about(place)
        given = [clips] if isinstance(clips, str | Path) else clips
        refused: list[AudioError] = []
        files = [file for clip in given for file in answers.files_of(clip, refused)]
        if refused:
            raise refused[0]
        voice = model.enrol(np.stack([model.static(str(file)) for file in files]))
        temporary = TemporaryDirectory()
        home = Path(temporary.name, "voice")
        bundle.save(None, voice, home)
        if about:
            bundle.tell(home, about)
        enrolled = Recognizer(home)
        enrolled._home = temporary  # which is removed with the recogniser
        return enrolled

    def __repr__(self) -> str:
        return f"<Recognizer {self.about or self.folder}>"


def predict(sounds, model: "Run | str | Path | None" = None, **options) -> Predictions:
    """Return what a model says of recordings: ``Recognizer(model).predict(sounds, **options)``."""
    return Recognizer(model).predict(sounds, **options)
