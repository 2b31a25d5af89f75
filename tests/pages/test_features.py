"""The page on features: every row of the maps, and the same network on both."""

from dataclasses import replace

import factory
import pytest
from factory import parse

from ser_lib import corpora
from ser_lib.features import maps
from ser_lib.pages import features
from ser_lib.pages.runs import comparable


@pytest.mark.parametrize("kind", maps.MAPS)
def test_every_row_of_a_map_is_accounted_for(kind):
    rows = parse(features.Rows(kind).text("rows"))
    assert sum(int(row["Rows"]) for row in rows) == maps.ROWS
    assert {row["Carries"] for row in rows} == {row.cue for row in maps.rows(kind)}


@pytest.mark.parametrize(("skill", "sign"), [(5.0, 1), (2.1, 0)])
def test_two_maps_are_compared(skill, sign):
    good, other = (
        factory.with_data(factory.make_run(seed=1, skill=s), parameters={"feature_map": kind})
        for s, kind in ((skill, "stack"), (2.0, "logmel"))
    )
    page = features.Features(comparable([other, good]))
    assert page.pair.uar.sign == sign
    assert page.runs[0].uar.value >= page.runs[1].uar.value
    rows = parse(page.text("comparison"))
    for row, run in zip(rows, page.runs, strict=True):
        assert row["Feature map"] == run.record.parameters["feature_map"]
        assert row["UAR (95 %)"].startswith(f"{run.uar.value:.2f} (")
        assert row["Parameters"] == "579,781"


def test_one_utterance_of_each_emotion_has_its_maps(tmp_path, workspace, make_table):
    manifest = corpora.load("table", make_table(tmp_path / "own"))
    page = features.Features([replace(factory.make_run(), corpus=manifest)])
    assert list(page.maps("stack")) == manifest.emotions
    assert {values.shape[0] for values in page.maps("logmel").values()} == {maps.ROWS}
