"""The words of the `ser` command: its commands, their options, help, examples and completion."""

import argparse
from pathlib import Path

from ser_lib import __version__
from ser_lib.cli import commands

FILES = ("AUDIO", "DIR", "FILE", "FILE.yml", "RUN", "SPLIT")  # arguments that may be files
MODEL = "folder of a run, or as much of its name as is unique, such as emodb/cnn_gru"

SHARED = {
    "--corpus": dict(default="demo", help="name in `ser corpora` (demo)"),
    "--data": dict(metavar="DIR", help="the corpus's folder; of the corpus 'table', its CSV file"),
    "--report": dict(metavar="NAME", help="name of the report (its corpus)"),
    "--scheduler": dict(
        metavar="ADDRESS",
        help="of a Dask cluster that computes features and networks, such as tcp://host:8786",
    ),
    "--out": dict(metavar="FILE", help="write the table to this CSV file"),
    "--json": dict(action="store_true", help="print JSON"),
}


def parser() -> argparse.ArgumentParser:
    """Return what reads a command line."""
    whole = argparse.ArgumentParser(prog="ser", description="Speech emotion recognition report.")
    whole.add_argument("--version", action="version", version=f"ser {__version__}")
    whole.add_argument("--debug", action="store_true", help="show tracebacks")
    whole.set_defaults(command=lambda _: whole.print_help() or 0)
    added_to = whole.add_subparsers(metavar="COMMAND")

    def command(function, example, *shared, **options):
        name, text = function.__name__, function.__doc__.rstrip(".")
        text = text[0].lower() + text[1:]
        example = f"example: ser {name} {example}"
        added = added_to.add_parser(name, help=text, description=text, epilog=example, **options)
        added.set_defaults(command=function)
        for option in shared:
            added.add_argument(option, **SHARED[option])
        return added.add_argument

    def parameters(add, text):
        add("-p", metavar="NAME=VALUE", action="append", default=[], dest="parameters",
            help=f"{text}; may be repeated")  # fmt: skip

    command(commands.corpora, "")
    add = command(commands.download, "emodb data")
    add("corpus", metavar="CORPUS", help="name in `ser corpora`")
    add("folder", metavar="DIR", help="the corpus's own folder is made in it")
    add = command(commands.manifest, "emodb --data path/to/emodb", "--data", "--out")
    add("corpus", metavar="CORPUS", help="name in `ser corpora`")
    add("--emotions", metavar="LIST", help="such as 'anger, happiness+excitement, neutral'")
    add("--style", help="only 'improvised' or 'scripted' utterances")
    shared = "--corpus", "--data", "--report", "--scheduler"
    example = "cnn_gru --corpus emodb -p epochs=5"
    add = command(commands.run, example, *shared, add_help=False)
    text = "show this, and the parameters of named notebooks"
    add("-h", "--help", action=_RunHelp, nargs=0, help=text)
    add("notebooks", metavar="NOTEBOOK", nargs="*", help="name in notebooks/, such as cnn_gru")
    text = "predictions of another program for the page 'own', as of `ser evaluate`; repeat it"
    add("--predictions", metavar="FILE", action="append", help=text)
    text = "train the named methods on all of the corpus, too, for `ser predict`"
    add("--final", action="store_true", help=text)
    parameters(add, "a parameter of the notebook")
    text = "several of them as one text, such as 'epochs=5 seed=1'"
    add("--set", metavar="TEXT", default="", dest="settings", help=text)
    text = "say what would be computed, and about how long it takes"
    add("--dry-run", action="store_true", help=text)
    add = command(commands.sweep, "grid.yml --out table.csv", "--scheduler", "--out")
    add("file", metavar="FILE.yml", help="corpus, architecture and parameters")
    add = command(commands.search, "space.yml", "--scheduler", "--out", "--json")
    add("file", metavar="FILE.yml", help="as of a sweep, with ranges and the number of trials")
    add = command(commands.audit, "split.csv --corpus emodb", "--corpus", "--data", "--json")
    text = "CSV file with the columns fold, utterance, part; by default one of our protocols"
    add("split", metavar="SPLIT", nargs="?", help=text)
    add("--out", metavar="FILE", help="write the split to this CSV file")
    parameters(add, "protocol (what the split claims to be), emotions, style, folds, seed")
    add = command(commands.book, "--corpus emodb --pdf", "--corpus", "--report")
    add("--pdf", action="store_true", help="and the book as one PDF beside it")
    text = "and one ZIP to deposit: book, notebooks, runs, environment, RO-Crate metadata"
    add("--archive", action="store_true", help=text)
    text = "only check the built book in this folder"
    add("--check", metavar="DIR", type=Path, help=text)
    command(commands.runs, "--out runs.csv", "--json", "--out")
    add = command(commands.compare, "emodb/cnn_gru emodb/cnn", "--out")
    add("first", metavar="RUN", help="its folder, or as much of its name as is unique")
    add("second", metavar="RUN", help="the run to compare it with")
    add = command(commands.evaluate, "mine.csv --corpus emodb", "--corpus", "--data", "--json")
    text = "CSV file: utterance, and predicted or a p_ column for each emotion; fold, truth"
    add("predictions", metavar="FILE", nargs="+", help=text)
    add = command(commands.predict, "some.wav folder/ --model emodb/cnn_gru", "--json")
    add("audio", metavar="AUDIO", nargs="+", help="audio file, or a folder of them")
    add("--model", metavar="RUN", help=f"{MODEL} (the last one to take along)")
    text = "answer for every three seconds of a long recording"
    add("--segments", action="store_true", help=text)
    text = "file or folder with recordings of the speaker, ten or more, so that the voice is known"
    add("--enrol", metavar="DIR", help=text)
    text = "do not say which model answers, and what the law asks"
    add("--quiet", action="store_true", help=text)
    add = command(commands.export, "--model emodb/cnn_gru --to litert", "--data")
    add("--model", metavar="RUN", required=True, help=MODEL)
    add("--to", choices=["litert", "onnx"], default="litert", help="kind of file (litert)")
    kinds = ["float32", "float16", "int8"]
    add("--precision", choices=kinds, default=kinds[0], help="of the weights (float32)")
    add("--out", metavar="DIR", type=Path, help="folder for both (exported/ and the run's name)")
    text = "compare all precisions on the utterances that tested the network; needs --data"
    add("--measure", action="store_true", help=text)
    add = command(completion, "bash > ~/.local/share/bash-completion/completions/ser")
    add("shell", choices=["bash", "zsh", "tcsh"])
    return whole


def completion(options) -> int:
    """Print what completes commands in a shell."""
    import shtab

    whole = parser()
    (added,) = whole._subparsers._group_actions
    for command in added.choices.values():
        for action in command._actions:
            if action.metavar in FILES:
                action.complete = shtab.FILE
    print(shtab.complete(whole, options.shell))
    return 0


class _RunHelp(argparse.Action):
    """The help of `ser run`, with every parameter of the notebooks that are named before it."""

    def __call__(self, parser, namespace, values, option_string=None):
        from ser_lib.report.templates import parameters_of

        parser.print_help()
        for name in namespace.notebooks or ():
            print(f"\nparameters of {name}, for -p NAME=VALUE:")
            for parameter, about in parameters_of(name).items():
                if parameter not in ("corpus", "data_dir"):
                    print("  {:<16} {kind:<6} {default:<8} {help}".format(parameter, **about))
        parser.exit()
