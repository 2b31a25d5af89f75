"""Several reports side by side: their names, and the page that lists their books."""

import json
import re
import shutil

import pytest
from small_book import CORPUS, LONG, NETWORKS, page, record, report_output

from ser_lib.core.errors import BookError, ParameterError
from ser_lib.report import book, shelf
from ser_lib.report.checks import links


def put(build, name: str, *, corpus=CORPUS, **changed) -> dict:
    """Put a book of which only the first page is there into a folder of books."""
    data = record("cnn_gru")
    summary = {
        "name": name,
        "corpus": corpus,
        **data["corpus"] | {"name": name},
        "architecture": "cnn_gru",
        "protocol": "speaker",
        "metrics": data["metrics"],
    } | changed
    (build / name / "html").mkdir(parents=True)
    (build / name / "html" / "index.html").write_text("<p>a book</p>")
    (build / name / "report.json").write_text(json.dumps(summary))
    return summary


def entries(build) -> dict[str, str]:
    """Return the text of each book's entry on the page, by the name of the book."""
    text = shelf.write(build).read_text(encoding="utf-8")
    items = re.findall(r"<li>(.*?)</li>", text, re.DOTALL)
    plain = [" ".join(re.sub(r"<[^>]*>", " ", item).split()) for item in items]
    return {
        re.search(r"<h3><a [^>]*>(.*?)</a>", item)[1]: p
        for item, p in zip(items, plain, strict=True)
    }


@pytest.mark.parametrize("name", ["demo", "emodb,ravdess", "emodb-stack_2.1", "a" * 100])
def test_names_that_can_be_folders(tmp_path, name):
    assert shelf.claim_name(name, CORPUS, tmp_path) == name


@pytest.mark.parametrize(
    "name", ["", "..", ".hidden", "-p", "a/b", "a b", "a\n", "ä", "<b>", "a" * 101, "index.html"]
)
def test_other_names_are_refused(tmp_path, name):
    with pytest.raises(ParameterError) as error:
        shelf.claim_name(name, CORPUS, tmp_path)
    assert f"a report cannot be called '{name}'" in str(error.value)


def test_no_book_of_another_corpus_is_replaced(tmp_path):
    put(tmp_path / "_build", "mine", corpus="emodb")
    assert shelf.claim_name("mine", "emodb", tmp_path) == "mine"
    assert shelf.claim_name("other", CORPUS, tmp_path) == "other"
    with pytest.raises(ParameterError, match="'emodb' would have the name of another corpus"):
        shelf.claim_name("emodb", CORPUS, tmp_path)
    with pytest.raises(BookError, match=r"'mine' is one of the corpus 'emodb'.*'demo'.*--report"):
        shelf.claim_name("mine", CORPUS, tmp_path)


def test_the_result_is_that_of_the_final_page(tmp_path):
    for name, uar in (("cnn", 0.9), ("cnn_gru", 0.4)):
        data = record(name)
        data["metrics"]["uar"] = uar
        folder = tmp_path / CORPUS / f"{name}-speaker-0123"
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(json.dumps(data))
    notebooks = {name: page(name) for name in ("cnn", "final", "data")}
    for name, run in (("cnn", "cnn"), ("final", "cnn_gru")):
        notebooks[name].cells[1].outputs = [report_output(record(run), f"{run}-speaker-0123")]
    found = shelf.summary("mine", CORPUS, notebooks, tmp_path)
    assert (found["name"], found["corpus"]) == ("mine", CORPUS)
    assert (found["architecture"], found["metrics"]["uar"]) == ("cnn_gru", 0.4)
    assert found["title"] == "Demo <corpus>"

    del notebooks["final"]
    found = shelf.summary("mine", CORPUS, notebooks, tmp_path)
    assert found["title"] == "Demo <corpus>"
    assert found["metrics"] == {}, "nobody has chosen this network"
    empty = {"name": "mine", "corpus": CORPUS, "metrics": {}}
    assert shelf.summary("mine", CORPUS, {}, tmp_path) == empty


def test_every_book_is_listed_with_its_numbers(tmp_path):
    put(tmp_path, "demo")
    metrics = {"uar": 0.512, "uar_ci95": [0.45, 0.581]}
    metrics |= {"accuracy": 0.607, "accuracy_ci95": [0.5, 0.7]}
    put(tmp_path, "emodb", corpus="emodb", title="EmoDB", synthetic=False, metrics=metrics,
        utterances=1535, speakers=10, protocol="session", architecture="cnn")  # fmt: skip
    found = entries(tmp_path)
    text = (tmp_path / "index.html").read_text()
    assert list(found) == ["demo", "emodb"]
    assert "UAR 0.68 (0.60 to 0.75)" in found["demo"]
    assert "Accuracy 0.67 (0.55 to 0.72)" in found["demo"]
    assert "Chosen network CNN-GRU" in found["demo"]
    assert "UAR 0.51 (0.45 to 0.58)" in found["emodb"]
    assert "Accuracy 0.61 (0.50 to 0.70)" in found["emodb"]
    assert "1,535 utterances and 10 speakers" in found["emodb"]
    assert "leave one recording session out" in found["emodb"]
    assert "3: anger, neutral and sadness" in found["emodb"]
    assert 'aria-label="Open the report emodb">emodb</a>' in text
    sections = dict(re.findall(r"<h2>(.*?)</h2>(.*?)</section>", text, re.DOTALL))
    assert "says nothing about people" in sections["Demo &lt;corpus&gt;"]
    assert "says nothing about people" not in sections["EmoDB"]


def test_names_are_escaped(tmp_path):
    put(tmp_path, "a <b>&'\" #?%", title="<script>alert(1)</script>")
    text = shelf.write(tmp_path).read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "a &lt;b&gt;&amp;&#39;&#34; #?%</a>" in text
    pages = {"index.html": links.read_pages(tmp_path)["index.html"]}
    assert list(links.broken_links(tmp_path, pages)) == []


def test_a_removed_book_disappears_and_half_of_one_does_no_harm(tmp_path):
    for name in ("one", "two", "three", "four", "five"):
        put(tmp_path, name)
    (tmp_path / "one" / "html" / "one.pdf").write_bytes(b"%PDF")
    assert len(entries(tmp_path)) == 5
    shutil.rmtree(tmp_path / "two")
    (tmp_path / "three" / "report.json").unlink()
    (tmp_path / "four" / "html" / "index.html").unlink()
    (tmp_path / "five" / "report.json").write_text("[")
    (tmp_path / "a file").write_text("of somebody")
    put(tmp_path, "bare", metrics={}, architecture="cnn", emotions=[])
    assert list(entries(tmp_path)) == ["bare", "one"]
    assert 'href="one/html/one.pdf"' in (tmp_path / "index.html").read_text()
    for name in ("bare", "one"):
        shutil.rmtree(tmp_path / name)
    assert entries(tmp_path) == {}
    assert "There is no book yet" in (tmp_path / "index.html").read_text()


@pytest.fixture(scope="module")
def build(html, long):
    """Return the folder of the books of two reports of one corpus."""
    return html.parents[1]


def test_two_reports_of_a_corpus_have_a_book_each(build, workspace):
    found = entries(build)
    assert "UAR 0.68 (0.60 to 0.75)" in found[CORPUS]
    assert "UAR 0.78 (0.72 to 0.83)" in found[LONG]
    assert "Chosen network CNN-LSTM" in found[LONG]
    for name, uar in ((CORPUS, "0.68"), (LONG, "0.78")):
        final = (build / name / "html" / "runs" / "final.html").read_text()
        assert f"<p>{uar}</p>" in final
    assert len(list((workspace / "runs" / CORPUS).glob("*/record.json"))) == len(NETWORKS) + 1
    with pytest.raises(BookError, match=r"the book of 'none' lacks .* --report none"):
        book.build(CORPUS, report="none", workspace=workspace)


def test_the_list_passes_the_gates(build):
    shelf.write(build)
    pages = {"index.html": links.read_pages(build)["index.html"]}
    assert len(pages["index.html"]("a", class_=False)) >= 2
    assert list(links.broken_links(build, pages)) == []
    assert list(links.external_requests(pages)) == []
    assert not pages["index.html"]("script")
    broken = links.broken_links(build, {"demo/index.html": pages["index.html"]})
    assert len(list(broken)) >= 2, "from there the links lead nowhere"
