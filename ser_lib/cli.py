"""The `ser` command: a thin face over the rooms below.

Exit code 0 only if all of it worked. A `SerError` is printed as its one or two sentences; `--debug`
shows the traceback. What takes long to import is imported by the command that needs it.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence

from ser_lib.core.errors import ParameterError, SerError, choose
from ser_lib.core.files import room_for


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with room_for("the results"):
            code = options.command(options)
            sys.stdout.flush()
        return code
    except SerError as error:
        if options.debug:
            raise
        print(f"ser: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `ser manifest ... | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("ser: interrupted; what was finished is kept, run it again to go on", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ser", description="Speech emotion recognition report.")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, text, **options):
        added = commands.add_parser(name, help=text, description=text, **options)
        added.set_defaults(command=function)
        return added

    data = "the corpus's folder; of the corpus 'table', its CSV file"

    def corpus_options(added):
        added.add_argument("--corpus", default="demo", help="name in `ser corpora` (demo)")
        added.add_argument("--data", metavar="DIR", help=data)

    def parameter_option(added, text):
        added.add_argument(
            "-p",
            metavar="NAME=VALUE",
            action="append",
            default=[],
            dest="parameters",
            help=f"{text}; may be repeated",
        )

    def report_option(added):
        added.add_argument("--report", metavar="NAME", help="name of the report (its corpus)")

    def scheduler_option(added):
        added.add_argument(
            "--scheduler",
            metavar="ADDRESS",
            help="of a Dask cluster that computes features and networks, such as tcp://host:8786",
        )

    added = command("new", _new, "add a network: its file, its notebook, its page of the book")
    added.add_argument("what", metavar="network", choices=["network"])
    added.add_argument("name", metavar="NAME", help="small letters, digits and _, such as tdnn")
    command("corpora", _corpora, "list the corpora that can be read")
    added = command("download", _download, "download a corpus that has an open archive")
    added.add_argument("corpus", metavar="CORPUS", help="name in `ser corpora`")
    added.add_argument("folder", metavar="DIR", help="the corpus's own folder is made in it")
    added = command("manifest", _manifest, "read a corpus folder and print its audit")
    added.add_argument("corpus", metavar="CORPUS", help="name in `ser corpora`")
    added.add_argument("--data", metavar="DIR", help=data)
    added.add_argument(
        "--emotions", metavar="LIST", help="such as 'anger, happiness+excitement, neutral'"
    )
    added.add_argument("--style", help="only 'improvised' or 'scripted' utterances")
    added.add_argument("--out", metavar="FILE", help="write the table to this CSV file")
    text = "execute notebooks; all of the report if none is named"
    added = command("run", _run, text, add_help=False)
    added.add_argument(
        "-h", "--help", action=_RunHelp, help="show this, and the parameters of named notebooks"
    )
    added.add_argument(
        "notebooks", metavar="NOTEBOOK", nargs="*", help="name in notebooks/, such as cnn_gru"
    )
    corpus_options(added)
    parameter_option(added, "a parameter of the notebook")
    report_option(added)
    scheduler_option(added)
    added = command("sweep", _sweep, "train a grid of networks and compare them by validation")
    added.add_argument("file", metavar="FILE.yml", help="corpus, architecture and parameters")
    scheduler_option(added)
    added.add_argument("--out", metavar="FILE", help="write the table to this CSV file")
    added = command("audit", _audit, "look for leaks in a split; exit code 1 if there is one")
    added.add_argument(
        "split",
        metavar="SPLIT",
        nargs="?",
        help="CSV file with the columns fold, utterance, part; by default one of our protocols",
    )
    corpus_options(added)
    parameter_option(added, "protocol (what the split claims to be), emotions, style, folds, seed")
    added.add_argument("--out", metavar="FILE", help="write the split to this CSV file")
    added.add_argument("--json", action="store_true", help="print JSON")
    added = command("book", _book, "build the book from the executed notebooks, then check it")
    added.add_argument("--corpus", default="demo", help="name in `ser corpora` (demo)")
    report_option(added)
    added.add_argument("--pdf", action="store_true", help="and the book as one PDF beside it")
    added.add_argument("--check", metavar="DIR", help="only check the built book in this folder")
    added.add_argument("--twice", action="store_true", help="build twice and compare the books")
    added = command("predict", _predict, "recognise the emotion of audio files")
    added.add_argument("audio", metavar="AUDIO", nargs="+", help="audio file, or a folder of them")
    added.add_argument("--model", metavar="BUNDLE", required=True, help="folder of a run, in runs/")
    added.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _new(options) -> int:
    from ser_lib.report import new

    code, *others = new.network(options.name)
    print("written:", *[code, *others], sep="\n  ")
    print("next:")
    print(f"  change {code} as you like, and the words of {others[0]}")
    print(f"  ser run {options.name} -p epochs=1")
    print("  make book")
    return 0


class _RunHelp(argparse.Action):
    """The help of `ser run`, with every parameter of the notebooks that are named before it."""

    def __init__(self, option_strings, dest, help):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser, namespace, values, option_string=None):
        from ser_lib.report.notebooks import parameters_of

        parser.print_help()
        for name in namespace.notebooks or ():
            print(f"\nparameters of {name}, for -p NAME=VALUE:")
            for parameter, about in parameters_of(name).items():
                if parameter in ("corpus", "data_dir"):
                    continue
                kind = about["inferred_type_name"]
                print(f"  {parameter:<16} {kind:<6} {about['default']:<8} {about['help']}")
        parser.exit()


def _corpora(options) -> int:
    from ser_lib.corpora import CATALOGUE
    from ser_lib.corpora.download import ARCHIVES

    for corpus in CATALOGUE.values():
        size = f"{corpus.speakers} speakers, {corpus.utterances} utterances"
        if corpus.hours:
            size += f", {corpus.hours:.2f} hours"
        print(f"{corpus.name:<8} {corpus.title}")
        print(f"         {corpus.language}; {size if corpus.utterances else 'any size'}")
        if corpus.emotions:
            print(f"         {', '.join(corpus.emotions)}")
        print(f"         licence: {corpus.licence}; from: {corpus.home}")
        if corpus.name in ARCHIVES:
            print(f"         ser download {corpus.name} DIR")
    return 0


def _download(options) -> int:
    from ser_lib.corpora import describe, download

    known = download.archive(options.corpus)
    corpus = describe(options.corpus)
    print(f"{corpus.title}\nlicence: {corpus.licence}; from: {corpus.home}")
    print(f"to download: {known.in_words}", flush=True)
    folder = shlex.quote(str(download.fetch(options.corpus, options.folder)))
    print(f"the corpus is in {folder}; next:")
    print(f"  ser manifest {corpus.name} --data {folder}")
    print(f"  make book CORPUS={corpus.name} DATA={folder}")
    return 0


def _manifest(options) -> int:
    from ser_lib import corpora
    from ser_lib.corpora.check import findings
    from ser_lib.corpora.load import in_words

    manifest = corpora.load(
        options.corpus, options.data, emotions=options.emotions, style=options.style
    )
    table = manifest.table
    hours = table["duration_s"].sum() / 3600
    print(f"{manifest.corpus}: {len(table)} utterances, {hours:.2f} h in {manifest.root}")
    speakers, sessions = (len(set(table[column]) - {""}) for column in ("speaker", "session"))
    print(f"speakers: {speakers or 'unknown'}, sessions: {sessions or 'none'}")
    print(f"emotions: {in_words(manifest)}")
    for finding in findings(manifest):
        print(finding)
    _write_table(table, options.out)
    return 0


def _run(options) -> int:
    from ser_lib.report import notebooks

    notebooks.execute(
        options.notebooks,
        corpus=options.corpus,
        data_dir=options.data,
        parameters=dict(_assignment(text) for text in options.parameters),
        report=options.report,
        scheduler=options.scheduler,
    )
    return 0


def _sweep(options) -> int:
    from pathlib import Path

    from ser_lib.experiments import sweep

    if options.out and (
        Path(options.out).is_dir() or not Path(options.out).absolute().parent.is_dir()
    ):
        raise ParameterError(f"cannot write {options.out}: name a file in a folder that is there")
    table = sweep.run(sweep.read(options.file), workers=options.scheduler)
    print(sweep.in_words(table))
    _write_table(table, options.out)
    return 0


def _write_table(table, out: str | None) -> None:
    """Write a table where the user wants it, if anywhere."""
    from pathlib import Path

    from ser_lib.core.files import write_atomically

    if not out:
        return
    try:
        write_atomically(Path(out), table.to_csv(index=False, lineterminator="\n"))
    except OSError as error:
        raise ParameterError(f"cannot write {out}: {error.strerror}") from error
    print(f"written to {out}", file=sys.stderr)


def _assignment(text: str) -> tuple[str, object]:
    """Split ``name=value``; the value is read as YAML, but 1e-3 is a number."""
    import yaml

    from ser_lib.experiments.experiment import as_number

    name, equals, value = text.partition("=")
    if not equals or not value.strip() or not name.isidentifier():
        raise ParameterError(f"-p takes NAME=VALUE (null for the usual value), not '{text}'")
    try:
        return name, as_number(yaml.safe_load(value))
    except yaml.YAMLError as error:
        raise ParameterError(f"-p {name}: '{value}' is not a value") from error


def _audit(options) -> int:
    from dataclasses import asdict
    from pathlib import Path

    from ser_lib import corpora
    from ser_lib.experiments import leakage, splits
    from ser_lib.experiments.experiment import Experiment

    given = dict(_assignment(text) for text in options.parameters)
    # A file has its folds already.
    known = ("protocol", "emotions", "style", *(() if options.split else ("folds", "seed")))
    for name in given:
        choose(name, known, "parameter of audit")
    protocol = given.pop("protocol", None)
    experiment = Experiment(architecture="cnn", corpus=options.corpus, **given)  # checks the values
    usual = "given" if options.split else experiment.protocol
    protocol = choose(protocol or usual, splits.PROTOCOLS, "protocol")
    manifest = corpora.load(
        options.corpus, options.data, emotions=experiment.emotions, style=experiment.style
    )
    table = manifest.table
    if options.split:
        folds = splits.read(options.split, table, known=manifest.listed, sound=False)
    else:
        folds = splits.make(table, protocol, folds=experiment.folds, seed=experiment.seed)
    if options.out:
        try:
            splits.write(Path(options.out), folds, table)
        except OSError as error:
            raise ParameterError(f"cannot write {options.out}: {error.strerror}") from error
        print(f"written to {options.out}", file=sys.stderr)
    findings = leakage.audit(folds, table, protocol=protocol)
    leaks = [finding for finding in findings if finding.severity == "leak"]
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        n_folds = f"{len(folds)} fold{'' if len(folds) == 1 else 's'}"
        print(f"{manifest.corpus}: {len(table)} utterances, split '{protocol}', {n_folds}")
        for line in leakage.lines(findings, len(folds)):
            print(line)
        print("leaks" if leaks else "no leak")
    return 1 if leaks else 0


def _book(options) -> int:
    from ser_lib.report import book

    if options.check:
        return _print_findings(book.check(options.check))
    return _print_findings(
        book.publish(
            options.corpus, report=options.report, with_pdf=options.pdf, twice=options.twice
        )
    )


def _print_findings(findings: Sequence[str]) -> int:
    for finding in findings:
        print(f"gate: {finding}", file=sys.stderr)
    return 1 if findings else 0


def _predict(options) -> int:
    from ser_lib.core import jobs
    from ser_lib.models import predict

    found = predict.predict(options.audio, options.model, progress=jobs.tell)
    for error in found.refused:
        print(f"ser: {error}", file=sys.stderr)
    rows = []
    for file, answer in zip(found.files, found.probabilities, strict=True):
        named = {e: round(float(p), 6) for e, p in zip(found.emotions, answer, strict=True)}
        emotion = found.emotions[answer.argmax()]
        rows.append({"file": file, "emotion": emotion, "probabilities": named})
    if options.json:
        print(json.dumps(rows, indent=1))
    elif rows:
        width = max(len(row["file"]) for row in rows)
        columns = "".join(f"{emotion:>13}" for emotion in found.emotions)
        print(f"{'file':<{width}}  {'emotion':<12}{columns}")
        for row in rows:
            values = "".join(f"{p:>13.3f}" for p in row["probabilities"].values())
            print(f"{row['file']:<{width}}  {row['emotion']:<12}{values}")
    return 1 if found.refused else 0


if __name__ == "__main__":
    sys.exit(main())
