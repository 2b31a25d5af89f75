"""A small book: notebooks as the runner leaves them, with the records that they name."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path

import pandas as pd
from factory import make_run
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from ser_lib.corpora import Manifest
from ser_lib.pages import data as data_pages
from ser_lib.pages import listen
from ser_lib.pages.network import Network

CORPUS = "demo"
EMOTIONS = ("anger", "neutral", "sadness")
NETWORKS = ("cnn", "cnn_lstm", "cnn_gru")
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 40" width="480" height="240">'
    '<rect width="80" height="40" fill="#fff"/><path d="M5 35L75 5" stroke="#12555f"/></svg>'
)
PICTURE = BytesIO()
Image.new("RGB", (160, 80), "white").save(PICTURE, "PNG")


def record(architecture: str) -> dict:
    """Return as much of a run's record as the book and its gates read."""
    per_class = {
        emotion: {"precision": 0.61 + i / 8, "recall": 0.54 + i / 7, "f1": 0.573 + i / 9,
                  "support": 20 + i}
        for i, emotion in enumerate(EMOTIONS)
    }  # fmt: skip
    return {
        "schema": 1,
        "architecture": architecture,
        "corpus": {"name": CORPUS, "title": "Demo <corpus>", "synthetic": True,
                   "utterances": 63, "speakers": 4, "emotions": list(EMOTIONS)},
        "protocol": "speaker",
        "parameters": {"epochs": 1, "feature_map": "logmel", "learning_rate": 0.002},
        "metrics": {"accuracy": 2 / 3, "accuracy_ci95": [0.55, 0.72],
                    "uar": 0.6829, "uar_ci95": [0.6, 0.75],
                    "macro_f1": 0.684, "weighted_f1": 0.6871},
        "per_class": per_class,
    }  # fmt: skip


def report_output(data: dict, folder: str):
    """Return the output of a notebook's classification report: a table and its run."""
    lines = ["| emotion | precision | recall | F1 | support |", "|:--|--:|--:|--:|--:|"]
    for emotion, s in data["per_class"].items():
        lines.append(
            f"| {emotion} | {s['precision']:.2f} | {s['recall']:.2f} | {s['f1']:.2f} "
            f"| {s['support']} |"
        )
    metrics = data["metrics"]
    lines.append(f"| accuracy | | | {metrics['accuracy']:.2f} | |")
    lines.append(f"| macro | | {metrics['uar']:.2f} | {metrics['macro_f1']:.2f} | |")
    lines.append(f"| weighted | | | {metrics['weighted_f1']:.2f} | |")
    return new_output(
        "display_data",
        data={"text/markdown": "\n".join(lines), "text/plain": "<table>"},
        metadata={"ser": {"record": f"{CORPUS}/{folder}"}},
    )


def figure_output(name: str, alt: str, caption: str, *, svg: str = SVG):
    """Return a figure as the kernel shows it."""
    png = b64encode(PICTURE.getvalue()).decode()
    data = {"image/svg+xml": svg, "image/png": png, "text/plain": "<Figure>"}
    about = {"alt": alt, "caption": caption, "name": name}
    return new_output("display_data", data=data, metadata={"ser": about})


def figure_cell(name: str, alt: str, caption: str, **options):
    """Return a cell that shows a figure."""
    return new_code_cell(
        "figures.curves(...)",
        execution_count=2,
        outputs=[figure_output(name, alt, caption, **options)],
        metadata={"tags": ["hide-input"]},
    )


def page(title: str, *cells):
    """Return an executed notebook as papermill leaves it."""
    parameters = new_code_cell(
        'corpus = "demo"', execution_count=1, metadata={"tags": ["parameters", "remove-cell"]}
    )
    injected = new_code_cell(
        "epochs = 1", execution_count=1, metadata={"tags": ["injected-parameters"]}
    )
    return new_notebook(
        cells=[new_markdown_cell(f"# {title}\n\nWhat this page is for."), parameters, injected,
               *cells],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
            "papermill": {"exception": None, "start_time": "2026-01-01T00:00:00",
                          "output_path": "/somewhere/out.ipynb", "parameters": {"epochs": 1}},
        },
    )  # fmt: skip


def final_page(data: dict, folder: str):
    """Return the page of the chosen network, whose run is in a folder."""
    shown = report_output(data, folder)
    return page("The final network", new_code_cell("...", execution_count=2, outputs=[shown]))


def network_page(name: str, data: dict):
    """Return an architecture's page: report, figure, cross-reference, citation, formula."""
    noise = new_output("stream", name="stderr", text="a warning of a library\n")
    quiet = new_code_cell("import x", execution_count=1, outputs=[noise],
                          metadata={"tags": ["hide-input"]})  # fmt: skip
    return page(
        f"The network {name}",
        quiet,
        new_markdown_cell(
            f"See {{numref}}`{name}-curves`, {{cite:t}}`ioffe2015batch` and {{term}}`UAR`; "
            "$k$ emotions.\n\n```{note}\nAn aside.\n```"
        ),
        figure_cell(f"{name}-curves", "The loss falls from the first epoch on.", "Loss."),
        new_code_cell(
            "tables.report(...)",
            execution_count=3,
            outputs=[report_output(data, f"{name}-speaker-0123")],
            metadata={"tags": ["hide-input"]},
        ),
    )


def listen_page():
    """Return the page to listen to, without audio: a cell with two figures, and the matrix."""

    def figure(name: str):
        return figure_output(f"listen-{name}", f"The finding of {name}.", f"Caption of {name}.")

    def words(text: str):
        return new_output("display_data", data={"text/markdown": text}, metadata={})

    several = new_code_cell(
        "for ...: show(...)",
        execution_count=2,
        outputs=[figure("one"), words("What stands **between** them."), figure("other")],
        metadata={"tags": ["hide-input"]},
    )
    matrix = new_code_cell(
        "listen.matrix(...)",
        execution_count=3,
        outputs=[
            new_output(
                "display_data",
                data={"text/html": listen.matrix(answers(), EMOTIONS, MANIFEST).data},
                metadata={},
            )
        ],
        metadata={"tags": ["remove-input"]},
    )
    return page("Listen", several, matrix)


MANIFEST = Manifest(corpus="table", root=Path("."), table=pd.DataFrame())  # no audio in the book
HEARD = {
    ("anger", "anger"): 3, ("anger", "sadness"): 2, ("neutral", "neutral"): 1,
    ("sadness", "anger"): 1, ("sadness", "neutral"): 4, ("sadness", "sadness"): 2,
}  # fmt: skip
"""Utterances by truth and answer."""


def answers() -> pd.DataFrame:
    """Return the answers that make the confusion matrix `HEARD`."""
    pairs = [pair for pair, n in HEARD.items() for _ in range(n)]
    rows = [
        {"utterance": f"u{i:02d}", "speaker": f"s{i % 2}", "truth": truth, "predicted": predicted,
         "p": 0.5 + i / 50}
        for i, (truth, predicted) in enumerate(pairs)
    ]  # fmt: skip
    return pd.DataFrame(rows)


MARKUP = (
    "{{ 7*7 }} {% raw %} <script>document.title=1</script> <img src=x onerror=alert(1)> "
    "$x$ *a* _b_ `c` [x](y) ![x](http://127.0.0.1:9/a.png) {ref}`z` &lt; \\textbf{a} a|b <!--"
)
"""What a text of a corpus may hold; on a page it is a text like any other."""


def markup_page():
    """Return a page of what the library shows of a corpus whose every text holds `MARKUP`."""
    emotions = [f"{emotion} {MARKUP}" for emotion in EMOTIONS]
    table = pd.DataFrame(
        {"utterance": f"u{i} {MARKUP}", "speaker": f"s{i % 2} {MARKUP}", "sex": "f",
         "emotion": emotion, "duration_s": 1.0, "sha256": "the same"}
        for i, emotion in enumerate(emotions)
    )  # fmt: skip
    left_out = [{"file": f"{MARKUP}.wav", "reason": f"no audio: {MARKUP}"}]
    table = table.assign(session="", sentence="", sample_rate_hz=16_000)
    manifest = Manifest("table", Path("."), table, left_out)
    given = table.assign(truth=table["emotion"], predicted=emotions[0], p=0.5)
    inventory = data_pages.measure(manifest)
    texts = [
        Network(make_run(emotions=emotions)).text("report"),
        *map(inventory.text, ("balance", "speakers", "lengths", "left_out")),
    ]
    shown = [{"text/markdown": text} for text in texts]
    shown.append({"text/html": inventory.examples().data})
    shown.append({"text/html": listen.matrix(given, emotions, manifest).data})
    cells = [
        new_code_cell("...", execution_count=2, metadata={"tags": ["remove-input"]},
                      outputs=[new_output("display_data", data=data)])
        for data in shown
    ]  # fmt: skip
    return page("Texts", *cells)
