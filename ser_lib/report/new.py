"""A new network: its file in the library, its notebook, and its place in the book."""

import re
from keyword import iskeyword
from pathlib import Path
from string import Template

import nbformat

from ser_lib.core.errors import NotebookError, ParameterError
from ser_lib.core.files import workspace, write_atomically
from ser_lib.experiments import baselines
from ser_lib.models import networks
from ser_lib.report.notebooks import NOTEBOOKS, template

_CODE = Template('''\
"""$title: patterns in time, and how much of them there is."""

from ser_lib.models.networks import network


@network(
    title="$title",
    channels=1,
    recipe={"learning_rate": 1e-3, "mixup": 0.0, "block_dropout": 0.1},
)
def $name(shape, n_classes, *, block_dropout, head_dropout):
    """Look for patterns of all rows in a few frames, then average over time."""
    import keras
    from keras import layers

    rows, _, _ = shape
    inputs = keras.Input(shape, name="feature_map")
    x = layers.Conv2D(64, (rows, 5), activation="relu", name="block1_conv")(inputs)
    x = layers.BatchNormalization(momentum=0.9, name="block1_norm")(x)
    x = layers.MaxPooling2D((1, 2), name="block1_pool")(x)
    x = layers.Dropout(block_dropout, name="block1_dropout")(x)
    x = layers.Conv2D(128, (1, 5), padding="same", activation="relu", name="block2_conv")(x)
    x = layers.BatchNormalization(momentum=0.9, name="block2_norm")(x)
    x = layers.GlobalAveragePooling2D(name="block2_mean")(x)
    x = layers.Dropout(head_dropout, name="head_dropout")(x)
    outputs = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="$name")
''')


def network(name: str) -> list[Path]:
    """Write a network that works, its notebook and its line in the table of contents.

    Parameters
    ----------
    name
        Small letters, digits and underscores, a letter first.

    Returns
    -------
    list of Path
        The file of the network, its notebook and the table of contents.

    Raises
    ------
    ParameterError
        If the name is not allowed or taken, or a file cannot be written.
    NotebookError
        If there is no checkout of the report to write into.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or iskeyword(name):
        raise ParameterError(
            f"a network cannot have the name '{name}': use small letters, digits and _, a letter "
            "first, and no word of Python, such as tdnn or cnn_small"
        )
    code, page = Path(networks.__file__).with_name(f"{name}.py"), template(name)
    contents = workspace() / "book" / "_toc.yml"
    taken = {*NOTEBOOKS, *vars(networks), *baselines.TITLES}
    if name in taken or code.exists() or page.exists():
        raise ParameterError(f"the name '{name}' is taken; give the network another one")
    for file in (template("cnn"), template("cnn_gru"), contents):
        if not file.is_file():
            raise NotebookError(f"{file} does not exist; run from the checkout of the report")
    title = networks.title(name)
    texts = {
        code: _CODE.substitute(name=name, title=title),
        page: nbformat.writes(_notebook(name, title)) + "\n",
        contents: _with_page(contents.read_text(), name),
    }
    for file, text in texts.items():
        try:
            write_atomically(file, text)
        except OSError as error:
            raise ParameterError(f"cannot write {file}: {error.strerror}") from error
    return list(texts)


def _notebook(name: str, title: str) -> nbformat.NotebookNode:
    """Copy the page of the CNN, but for what it says of the CNN alone."""
    notebook, other = (nbformat.read(template(n), as_version=4) for n in ("cnn", "cnn_gru"))
    shared = {cell.source for cell in other.cells}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace('"cnn"', f'"{name}"').replace("CNN", title)
            cell.source = cell.source.replace('"cnn-', f'"{name.replace("_", "-")}-')
        elif cell.source not in shared:
            heading = cell.source.splitlines()[0]
            heading = f"# {title}" if heading.startswith("# ") else heading
            cell.source = f"{heading}\n\nWhat is special about the {title} is still to be written."
    return notebook


def _with_page(contents: str, name: str) -> str:
    """Put the page of a network after those of the others."""
    pages = rf"^( *- file: runs/)({'|'.join(networks.NAMES)})$"
    *_, last = re.finditer(pages, contents, re.MULTILINE)
    return f"{contents[: last.end()]}\n{last[1]}{name}{contents[last.end() :]}"
