"""Corpora: a folder of recordings becomes a manifest."""

from ser_lib.corpora.catalogue import CATALOGUE, Corpus, describe
from ser_lib.corpora.loading import load
from ser_lib.corpora.manifest import COLUMNS, Manifest

__all__ = ["CATALOGUE", "COLUMNS", "Corpus", "Manifest", "describe", "load"]
