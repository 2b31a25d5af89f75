"""Files with made-up content: texts as given, short tones for audio."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

LOUDNESS = 0.3
"""Amplitude of a tone, 1.0 is full scale."""


@dataclass(frozen=True)
class Sound:
    """A tone in noise, another one for every file."""

    rate: int = 16_000
    channels: int = 1
    seconds: float = 0.1
    same_as: str = ""  # path of another file whose recording this file repeats
    silent: bool = False

    def samples(self, path: str) -> np.ndarray:
        """Return float64 [samples, channels] for the file of a name, always the same."""
        shape = (round(self.seconds * self.rate), self.channels)
        if self.silent:
            return np.zeros(shape)
        generator = np.random.default_rng(zlib.crc32((self.same_as or path).encode()))
        hertz = generator.uniform(100, 1000)
        time = np.arange(shape[0])[:, np.newaxis] / self.rate
        tone = LOUDNESS * np.sin(2 * np.pi * hertz * time)
        return tone + generator.normal(0, LOUDNESS / 30, shape)


Content = str | bytes | Sound


def write(folder: str | Path, files: Mapping[str, Content]) -> Path:
    """Write files, by their paths in a folder, and return the folder.

    A `Sound` becomes 16-bit audio of the kind that the path's ending names.
    """
    root = Path(folder)
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Sound):
            kind = file.suffix.removeprefix(".").upper()
            soundfile.write(file, content.samples(path), content.rate, format=kind)
        else:
            file.write_bytes(content.encode() if isinstance(content, str) else content)
    return root
