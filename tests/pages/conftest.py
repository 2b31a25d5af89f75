"""What tests of several pages share."""

from dataclasses import replace

import pytest

from ser_lib import corpora
from ser_lib.pages import players


@pytest.fixture
def licence(monkeypatch):
    """A function that says whether the licence of every corpus lets its audio be embedded."""
    row = corpora.describe("table")

    def embedding(allowed: bool) -> None:
        monkeypatch.setattr(players, "describe", lambda name: replace(row, embed_audio=allowed))

    return embedding
