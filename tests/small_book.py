"""A small book: notebooks as the runner leaves them, with the records that they name."""

from base64 import b64encode
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import nbformat
import pandas as pd
from factory import make_run, with_data
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from ser_lib.corpora import Manifest
from ser_lib.experiments.run import Run
from ser_lib.pages import data as data_pages
from ser_lib.pages import listen, live
from ser_lib.pages.figures import drawing
from ser_lib.pages.network import Network
from ser_lib.pages.provenance import Trace
from ser_lib.pages.words import Markdown, number

CORPUS = "demo"
LONG = "demo-long"
"""Another report of the corpus."""
EMOTIONS = ("anger", "neutral", "sadness")
NETWORKS = ("cnn", "cnn_lstm", "cnn_gru")
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 40" width="480" height="240">'
    '<rect width="80" height="40" fill="#fff"/><path d="M5 35L75 5" stroke="#12555f"/></svg>'
)
PICTURE = BytesIO()
Image.new("RGB", (160, 80), "white").save(PICTURE, "PNG")


def run(architecture: str) -> Run:
    """Return a run, whose scores the list of books shows."""
    return with_data(
        make_run(architecture, emotions=list(EMOTIONS), epochs=1),
        corpus={"title": "Demo <corpus>", "utterances": 63, "speakers": 4},
        metrics={"accuracy": 2 / 3, "accuracy_ci95": [0.55, 0.72],
                 "uar": 0.6829, "uar_ci95": [0.6, 0.75]},
    )  # fmt: skip


def record(architecture: str) -> dict:
    """Return what its ``record.json`` holds."""
    return asdict(run(architecture).record)


def report_output(data: dict, folder: str):
    """Return the output of a notebook's classification report: a table and its run."""
    lines = ["| emotion | recall | support |", "|:--|--:|--:|"]
    for emotion, scores in data["per_class"].items():
        lines.append(f"| {emotion} | {scores['recall']:.2f} | {scores['support']} |")
    lines.append(f"| macro | {data['metrics']['uar']:.2f} | |")
    return new_output(
        "display_data",
        data={"text/markdown": "\n".join(lines), "text/plain": "<table>"},
        metadata={"ser": {"records": [f"{CORPUS}/{folder}"]}},
    )


def figure_output(name: str, alt: str, caption: str, *, svg: str = SVG):
    """Return a figure as the kernel shows it."""
    png = b64encode(PICTURE.getvalue()).decode()
    data = {"image/svg+xml": svg, "image/png": png, "text/plain": "<Figure>"}
    about = {"alt": alt, "caption": caption, "name": name}
    return new_output("display_data", data=data, metadata={"ser": about})


def figure_cell(name: str, alt: str, caption: str, **options):
    """Return a cell that shows a figure."""
    return shown(figure_output(name, alt, caption, **options))


def shown(*outputs, tag: str = "hide-input"):
    """Return an executed cell with these outputs."""
    return new_code_cell("...", execution_count=2, outputs=[*outputs], metadata={"tags": [tag]})


def display(text: str, kind: str = "text/markdown"):
    """Return an output of one kind."""
    return new_output("display_data", data={kind: text})


def page(title: str, *cells):
    """Return an executed notebook as papermill leaves it."""
    given = [
        new_code_cell(code, execution_count=1, metadata={"tags": tags})
        for code, tags in (
            ('corpus = "demo"', ["parameters", "remove-cell"]),
            ("epochs = 1", ["injected-parameters"]),
        )
    ]
    return new_notebook(
        cells=[new_markdown_cell(f"# {title}\n\nWhat this page is for."), *given, *cells],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
            "papermill": {"exception": None, "start_time": "2026-01-01T00:00:00",
                          "output_path": "/somewhere/out.ipynb", "parameters": {"epochs": 1}},
        },
    )  # fmt: skip


def put(workspace: Path, name: str, notebook) -> None:
    """Write a page of the report of a workspace."""
    nbformat.write(notebook, workspace / "runs" / CORPUS / "reports" / CORPUS / f"{name}.ipynb")


def final_page(data: dict, folder: str):
    """Return the page of the chosen network, whose run is in a folder."""
    return page("The final network", shown(report_output(data, folder)))


def network_page(name: str, data: dict):
    """Return an architecture's page: report, figure, cross-reference, citation, formula."""
    words = (
        f"See {{numref}}`{name}-curves`, {{cite:t}}`ioffe2015batch` and {{term}}`UAR`; "
        "$k$ emotions.\n\n```{note}\nAn aside.\n```"
    )
    return page(
        f"The network {name}",
        shown(new_output("stream", name="stderr", text="a warning of a library\n")),
        new_markdown_cell(words),
        figure_cell(f"{name}-curves", "The loss falls from the first epoch on.", "Loss."),
        shown(report_output(data, f"{name}-speaker-0123")),
    )


def pipe_table(rows: list[dict]) -> str:
    """Return rows as a table of Markdown."""
    cells = [[v if isinstance(v, str) else number(v) for v in row.values()] for row in rows]
    lines = [list(rows[0]), [":---", "---:", ":---"], *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


PLAYER = Markdown('<audio controls aria-label="x" src="data:audio/mpeg;base64,AAAA"></audio>')
LINK = Markdown("Ärger `ä\\|b` [a link](../glossary.md)")
ROWS = [
    {"Name, in full": Markdown("**anger**"), "Share": 0.25, "Listen": PLAYER},
    {"Name, in full": Markdown('he said `"no"`, twice'), "Share": None, "Listen": PLAYER},
    {"Name, in full": LINK, "Share": 1234567, "Listen": ""},
]
LAYOUT = "|  |  |\n| :--- | :--- |\n| left | right |"


@drawing.style()
def line() -> drawing.Figure:
    """Draw what a page shows, and what can be taken along."""
    fig, axes = drawing.canvas(height=3)
    axes.plot([0, 1], [1, 0])
    return drawing.Figure(fig, alt="A line falls.", caption="A line.", name="a-line")


def downloads_page():
    """Return a page with a drawing, tables and a folded part."""
    data, about = line()._repr_mimebundle_()
    trace = Trace("ser run features --corpus demo", False, [], [])._repr_markdown_()
    tables = pipe_table(ROWS), f"{pipe_table(ROWS[:1])}\n\nand\n\n{LAYOUT}"
    return page(
        "Taken along",
        shown(new_output("display_data", data=data, metadata=about)),
        figure_cell("a-line-again", "The same drawing.", "Once more."),
        *(shown(display(table), tag="remove-input") for table in tables),
        new_markdown_cell("## How this page was made"),
        shown(display(trace), tag="remove-input"),
    )


def listen_page():
    """Return the page to listen to, without audio: a cell with two figures, and the matrix."""
    one, other = (
        figure_output(f"listen-{name}", f"The finding of {name}.", f"Caption of {name}.")
        for name in ("one", "other")
    )
    matrix = listen.matrix(answers(), EMOTIONS, MANIFEST).data
    return page(
        "Listen",
        shown(one, display("What stands **between** them."), other),
        shown(display(matrix, "text/html"), tag="remove-input"),
    )


LISTENER = b"a network"


def live_page():
    """Return the page that listens to its reader, with its network beside it."""
    device = live.Device({"emotions": EMOTIONS}, LISTENER, MANIFEST)._repr_mimebundle_()
    return page("Your voice", shown(new_output("display_data", data=device), tag="remove-input"))


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
         "emotion": emotion, "duration_s": 1.0, "sha256": "the same", "session": "",
         "sentence": "", "sample_rate_hz": 16_000}
        for i, emotion in enumerate(emotions)
    )  # fmt: skip
    left_out = [{"file": f"{MARKUP}.wav", "reason": f"no audio: {MARKUP}"}]
    manifest = Manifest("table", Path("."), table, left_out)
    given = table.assign(truth=table["emotion"], predicted=emotions[0], p=0.5)
    inventory = data_pages.Inventory(manifest)
    texts = [
        Network(make_run(emotions=emotions)).text("report"),
        *map(inventory.text, ("balance", "speakers", "lengths", "left_out")),
    ]
    tables = [listen.matrix(given, emotions, manifest).data]
    outputs = [*map(display, texts), *(display(table, "text/html") for table in tables)]
    return page("Texts", *(shown(output, tag="remove-input") for output in outputs))
