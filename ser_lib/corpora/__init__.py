"""Corpora: a folder of recordings becomes a manifest."""

from ser_lib.corpora.corpus import Corpus
from ser_lib.corpora.loader import load
from ser_lib.corpora.manifest import COLUMNS, Manifest
from ser_lib.corpora.readers import CATALOGUE, describe

__all__ = ["CATALOGUE", "COLUMNS", "Corpus", "Manifest", "describe", "load"]
