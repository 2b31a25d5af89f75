"""The `ser` command: a thin face over the rooms below.

Exit code 0 only if all of it worked. A `SerError` is printed as its one or two sentences; `--debug`
shows the traceback. What takes long to import is imported by the command that needs it.
"""

import argparse
import errno
import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from ser_lib import __version__
from ser_lib.core.errors import ParameterError, SerError, choose, extras
from ser_lib.core.files import room_for, write_atomically


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    # A terminal may lack a letter of a name.
    with suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with room_for("the results"), extras(), _insistent():
            code = options.command(options)
            sys.stdout.flush()
        return code
    except SerError as error:
        if options.debug:
            raise
        print(f"ser: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # `ser manifest ... | head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        if options.debug or error.errno not in _DENIED:
            raise
        print(f"ser: {error.filename!s:.200}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ser: interrupted; what was finished is kept, run it again to go on", file=sys.stderr)
        return 130


@contextmanager
def _insistent() -> Iterator[None]:
    """Interrupt again each second: an interrupt in a callback of Python's own is lost."""

    def interrupt(*_) -> None:
        signal.setitimer(signal.ITIMER_REAL, 1)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for one, handler in before.items():
            signal.signal(one, handler)


_DENIED = (errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG, errno.EPERM, errno.EROFS)
FILES = ("AUDIO", "DIR", "FILE", "FILE.yml", "RUN", "SPLIT")  # arguments that may be files
SHOWN = 10  # rows of a long list that are printed
LAW = (
    "EU AI Act: tell those whom it listens to (Article 50(3)); at work and in education it is "
    "prohibited but for medical or safety reasons (Article 5(1)(f))"
)

SHARED = {
    "--corpus": {"default": "demo", "help": "name in `ser corpora` (demo)"},
    "--data": {
        "metavar": "DIR",
        "help": "the corpus's folder; of the corpus 'table', its CSV file",
    },
    "--report": {"metavar": "NAME", "help": "name of the report (its corpus)"},
    "--scheduler": {
        "metavar": "ADDRESS",
        "help": "of a Dask cluster that computes features and networks, such as tcp://host:8786",
    },
    "--out": {"metavar": "FILE", "help": "write the table to this CSV file"},
    "--json": {"action": "store_true", "help": "print JSON"},
}
"""Options of several commands."""
EXAMPLES = {
    "new": "ser new network tdnn",
    "corpora": "ser corpora",
    "download": "ser download emodb data",
    "manifest": "ser manifest emodb --data path/to/emodb",
    "run": "ser run cnn_gru --corpus emodb -p epochs=5",
    "sweep": "ser sweep grid.yml --out table.csv",
    "audit": "ser audit split.csv --corpus emodb",
    "book": "ser book --corpus emodb --pdf",
    "runs": "ser runs --out runs.csv",
    "compare": "ser compare emodb/cnn_gru emodb/cnn",
    "evaluate": "ser evaluate mine.csv --corpus emodb",
    "predict": "ser predict some.wav folder/ --model emodb/cnn_gru",
    "export": "ser export --model emodb/cnn_gru --to litert",
    "completion": "ser completion bash > ~/.local/share/bash-completion/completions/ser",
}
"""How each command is used."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ser", description="Speech emotion recognition report.")
    parser.add_argument("--version", action="version", version=f"ser {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(command=lambda _: parser.print_help() or 0)
    commands = parser.add_subparsers(metavar="COMMAND")

    def command(function, text, *shared, **options):
        name = function.__name__.removeprefix("_")
        example = f"example: {EXAMPLES.get(name)}"
        added = commands.add_parser(name, help=text, description=text, epilog=example, **options)
        added.set_defaults(command=function)
        for option in shared:
            added.add_argument(option, **SHARED[option])
        return added.add_argument

    def parameters(add, text):
        add("-p", metavar="NAME=VALUE", action="append", default=[], dest="parameters",
            help=f"{text}; may be repeated")  # fmt: skip

    add = command(_new, "add a network: its file, its notebook, its page of the book")
    add("what", metavar="network", choices=["network"])
    add("name", metavar="NAME", help="small letters, digits and _, such as tdnn")
    command(_corpora, "list the corpora that can be read")
    add = command(_download, "download a corpus that has an open archive")
    add("corpus", metavar="CORPUS", help="name in `ser corpora`")
    add("folder", metavar="DIR", help="the corpus's own folder is made in it")
    add = command(_manifest, "read a corpus folder and print its audit", "--data", "--out")
    add("corpus", metavar="CORPUS", help="name in `ser corpora`")
    add("--emotions", metavar="LIST", help="such as 'anger, happiness+excitement, neutral'")
    add("--style", help="only 'improvised' or 'scripted' utterances")
    text = "execute notebooks; all of the report if none is named"
    add = command(_run, text, "--corpus", "--data", "--report", "--scheduler", add_help=False)
    add("-h", "--help", action=_RunHelp, help="show this, and the parameters of named notebooks")
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
    text = "train a grid of networks and compare them by validation"
    add = command(_sweep, text, "--scheduler", "--out")
    add("file", metavar="FILE.yml", help="corpus, architecture and parameters")
    text = "look for leaks in a split; exit code 1 if there is one"
    add = command(_audit, text, "--corpus", "--data", "--json")
    text = "CSV file with the columns fold, utterance, part; by default one of our protocols"
    add("split", metavar="SPLIT", nargs="?", help=text)
    add("--out", metavar="FILE", help="write the split to this CSV file")
    parameters(add, "protocol (what the split claims to be), emotions, style, folds, seed")
    text = "build the book from the executed notebooks, then check it"
    add = command(_book, text, "--corpus", "--report")
    add("--pdf", action="store_true", help="and the book as one PDF beside it")
    text = "only check the built book in this folder"
    add("--check", metavar="DIR", type=Path, help=text)
    add("--twice", action="store_true", help="build twice and compare the books")
    add = command(_runs, "list the runs that there are, with their scores", "--json", "--out")
    add = command(_compare, "compare two runs of a corpus", "--out")
    add("first", metavar="RUN", help="its folder, or as much of its name as is unique")
    add("second", metavar="RUN", help="the run to compare it with")
    text = "score predictions of any program on a corpus"
    add = command(_evaluate, text, "--corpus", "--data", "--json")
    text = "CSV file: utterance, and predicted or a p_ column for each emotion; fold, truth"
    add("predictions", metavar="FILE", nargs="+", help=text)
    add = command(_predict, "recognise the emotion of audio files", "--json")
    add("audio", metavar="AUDIO", nargs="+", help="audio file, or a folder of them")
    text = "folder of a run, or as much of its name as is unique, such as emodb/cnn_gru"
    add("--model", metavar="RUN", help=f"{text} (the last one to take along)")
    text = "answer for every three seconds of a long recording"
    add("--segments", action="store_true", help=text)
    text = "file or folder with recordings of the speaker, ten or more, so that the voice is known"
    add("--enrol", metavar="DIR", help=text)
    text = "do not say which model answers, and what the law asks"
    add("--quiet", action="store_true", help=text)
    add = command(_export, "write a network for other programs, with its model card", "--data")
    add("--model", metavar="RUN", required=True, help=text)
    add("--to", choices=["litert", "onnx"], default="litert", help="kind of file (litert)")
    kinds = ["float32", "float16", "int8"]
    add("--precision", choices=kinds, default=kinds[0], help="of the weights (float32)")
    add("--out", metavar="DIR", type=Path, help="folder for both (exported/ and the run's name)")
    text = "compare all precisions on the utterances that tested the network; needs --data"
    add("--measure", action="store_true", help=text)
    add = command(_completion, "print what completes commands in a shell")
    add("shell", choices=["bash", "zsh", "tcsh"])
    return parser


def _completion(options) -> int:
    import shtab

    print(shtab.complete(_completed(_parser()), options.shell))
    return 0


def _completed(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Have arguments that are no names complete as files."""
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                _completed(child)
        elif action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return parser


def _new(options) -> int:
    from ser_lib.report import new

    code, *others = new.network(options.name)
    print("written:", *[code, *others], sep="\n  ")
    print(f"next:\n  change {code} as you like, and the words of {others[0]}")
    print(f"  ser run {options.name} -p epochs=1\n  make book")
    return 0


class _RunHelp(argparse.Action):
    """The help of `ser run`, with every parameter of the notebooks that are named before it."""

    def __init__(self, option_strings, dest, help):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser, namespace, values, option_string=None):
        from ser_lib.report.templates import parameters_of

        parser.print_help()
        for name in namespace.notebooks or ():
            print(f"\nparameters of {name}, for -p NAME=VALUE:")
            for parameter, about in parameters_of(name).items():
                if parameter in ("corpus", "data_dir"):
                    continue
                words = about["kind"], about["default"], about["help"]
                print("  {:<16} {:<6} {:<8} {}".format(parameter, *words))
        parser.exit()


def _corpora(options) -> int:
    from ser_lib.core.jobs import processors, roughly
    from ser_lib.corpora import CATALOGUE
    from ser_lib.corpora.download import ARCHIVES
    from ser_lib.experiments import forecast

    rates = forecast.rates()
    for corpus in CATALOGUE.values():
        hours = f", {corpus.hours:.2f} hours" if corpus.hours else ""
        size = f"{corpus.speakers} speakers, {corpus.utterances} utterances{hours}"
        print(f"{corpus.name:<8} {corpus.title}")
        print(f"         {corpus.language}; {size if corpus.utterances else 'any size'}")
        if corpus.emotions:
            print(f"         {', '.join(corpus.emotions)}")
        print(f"         licence: {corpus.licence}; from: {corpus.home}")
        if seconds := forecast.of_corpus(corpus, rates):
            print(f"         its networks: {roughly(seconds)} on {processors()} processors")
        if corpus.name in ARCHIVES:
            print(f"         ser download {corpus.name} DIR")
    return 0


def _download(options) -> int:
    from ser_lib.corpora import describe, download

    archive, corpus = download.archive(options.corpus), describe(options.corpus)
    print(f"{corpus.title}\nlicence: {corpus.licence}; from: {corpus.home}")
    print(f"to download: {archive.in_words}", flush=True)
    folder = shlex.quote(str(download.fetch(options.corpus, options.folder)))
    print(f"the corpus is in {folder}; next:")
    print(f"  ser manifest {corpus.name} --data {folder}")
    print(f"  make book CORPUS={corpus.name} DATA={folder}")
    return 0


def _manifest(options) -> int:
    from ser_lib import corpora
    from ser_lib.corpora.check import findings
    from ser_lib.corpora.loader import in_words

    chosen = {"emotions": options.emotions, "style": options.style}
    manifest = corpora.load(options.corpus, options.data, **chosen)
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
    from ser_lib.report import templates

    parameters = _parameters(options)
    if options.predictions:
        parameters["predictions"] = options.predictions
    # A typing error is answered before what takes seconds to import.
    templates.check(options.notebooks, parameters)
    from ser_lib.report import notebooks

    notebooks.execute(
        options.notebooks,
        corpus=options.corpus,
        data_dir=options.data,
        parameters=parameters,
        report=options.report,
        final=options.final,
        scheduler=options.scheduler,
        dry_run=options.dry_run,
    )
    return 0


def _sweep(options) -> int:
    from ser_lib.experiments import sweep

    out = Path(options.out).absolute() if options.out else None
    if out and (out.is_dir() or not out.parent.is_dir()):
        raise ParameterError(f"cannot write {options.out}: name a file in a folder that is there")
    table = sweep.run(sweep.read(options.file), workers=options.scheduler)
    print(sweep.in_words(table))
    _write_table(table, options.out)
    return 0


def _write_table(table, out: str | None) -> None:
    """Write a table where the user wants it, if anywhere."""
    if out:
        with _written(out):
            write_atomically(Path(out), table.to_csv(index=False, lineterminator="\n"))


@contextmanager
def _written(out: str) -> Iterator[None]:
    """Say that a file is written, or in one sentence why it cannot be."""
    try:
        yield
    except OSError as error:
        raise ParameterError(f"cannot write {out}: {error.strerror}") from error
    print(f"written to {out}", file=sys.stderr)


def _parameters(options) -> dict:
    """Split each ``name=value``; the value is read as YAML, but 1e-3 is a number."""
    import yaml

    parameters = {}
    try:
        texts = options.parameters + shlex.split(getattr(options, "settings", ""))
    except ValueError as error:
        raise ParameterError(f"--set: {options.settings:.80} has {error}") from error
    for text in texts:
        name, _, value = text.partition("=")
        if not value.strip() or not name.isidentifier():
            raise ParameterError(f"-p takes NAME=VALUE (null for the usual value), not '{text}'")
        try:
            parameters[name] = value = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
            raise ParameterError(f"-p {name}: '{value:.80}' is not a value") from error
        if isinstance(value, str):
            from ser_lib.experiments.experiment import as_number

            parameters[name] = as_number(value)
    return parameters


def _audit(options) -> int:
    from ser_lib import corpora
    from ser_lib.experiments import leakage, splits
    from ser_lib.experiments.experiment import Experiment
    from ser_lib.features import fingerprint

    given = _parameters(options)
    # A file has its folds already.
    known = ("protocol", "emotions", "style", *(() if options.split else ("folds", "seed")))
    for name in given:
        choose(name, known, "parameter of audit")
    protocol = given.pop("protocol", None)
    experiment = Experiment(architecture="cnn", corpus=options.corpus, **given)  # checks the values
    usual = "given" if options.split else experiment.protocol
    protocol = choose(protocol or usual, splits.PROTOCOLS, "protocol")
    chosen = {"emotions": experiment.emotions, "style": experiment.style}
    manifest = corpora.load(options.corpus, options.data, **chosen)
    table = fingerprint.heard(manifest)
    if options.split:
        folds = splits.read(options.split, table, known=manifest.listed, sound=False)
    else:
        folds = splits.make(table, protocol, folds=experiment.folds, seed=experiment.seed)
    if options.out:
        with _written(options.out):
            splits.write(options.out, folds, table)
    findings = leakage.audit(folds, table, protocol=protocol)
    verdict = leakage.verdict(findings)
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        n_folds = f"{len(folds)} fold{'' if len(folds) == 1 else 's'}"
        print(f"{manifest.corpus}: {len(table)} utterances, split '{protocol}', {n_folds}")
        print(*leakage.lines(findings, len(folds)), leakage.VERDICTS[verdict], sep="\n")
    return 1 if verdict == "leak" else 0


def _book(options) -> int:
    from ser_lib.report import book

    if options.check:
        findings = book.check(options.check)
    else:
        given = {"report": options.report, "with_pdf": options.pdf, "twice": options.twice}
        findings = book.publish(options.corpus, **given)
    for finding in findings:
        print(f"gate: {finding}", file=sys.stderr)
    return 1 if findings else 0


def _runs(options) -> int:
    from ser_lib.pages import runs
    from ser_lib.pages.words import number, spanned

    table = runs.shelf()
    if options.json:
        print(table.to_json(orient="records", indent=1))
    elif table.empty:
        print("there are no finished runs here; `make book` makes some")
    else:
        shown = table.assign(
            uar=[spanned(row.uar, [row.low, row.high]) for row in table.itertuples()],
            accuracy=table["accuracy"].map(number),
        )
        print(shown.drop(columns=["low", "high", "n", "unit"]).to_string(index=False))
        print("UAR with its 95 % interval; --json and --out say what it rests on")
    _write_table(table, options.out)
    return 0


def _compare(options) -> int:
    from ser_lib.experiments import run
    from ser_lib.pages import runs
    from ser_lib.pages.words import p_value, signed

    contrast = runs.contrast(*(run.read(run.find(one)) for one in (options.first, options.second)))
    uar, verdict = contrast.uar, {1: "is better", -1: "is worse", 0: "cannot be told apart"}
    print(f"UAR, first minus second: {signed(uar)}, {p_value(uar.p)}, over {uar.n} {uar.unit}s;")
    print(f"the first {verdict[uar.sign]}")
    if len(contrast.differs):
        print(f"\nthey differ in\n{contrast.differs.to_string()}")
    changed = contrast.changed
    print(f"\n{len(changed)} of {contrast.utterances} predictions are not the same")
    if len(changed):
        print(changed.head(SHOWN).to_string(index=False))
    if len(changed) > SHOWN:
        print(f"and {len(changed) - SHOWN} more; --out writes all of them")
    _write_table(changed, options.out)
    return 0


def _evaluate(options) -> int:
    from ser_lib import corpora
    from ser_lib.experiments import leakage, run

    corpus = corpora.load(options.corpus, options.data)
    results = [run.evaluate(file, corpus) for file in options.predictions]
    told = []
    for result in results:
        missing = sorted(set(corpus.table["utterance"]) - set(result.predictions["utterance"]))
        findings = leakage.of_predictions(result.predictions, corpus)
        about = {"unit": result.unit, "n": result.uar.n, "without_prediction": missing}
        about["findings"] = findings and [asdict(finding) for finding in findings]
        told.append({"scores": result.scores.to_dict("index"), **about})
        if options.json:
            continue
        print(f"{result.title}: {len(result.predictions)} predictions for {corpus.corpus}; 95 %")
        print(f"intervals are over {result.uar.n} {result.unit}s")
        print(f"\n{result.scores.round(3).to_string()}\n\n{result.per_class.round(3).to_string()}")
        if missing:
            print(f"\n{len(missing)} utterances have no prediction: {', '.join(missing[:SHOWN])}")
        if findings is None:
            print("\nno column fold: nobody can see whether it trained on tested speakers")
        else:
            print("\nif each fold trained on all that it did not test:")
            print(*leakage.lines(findings, findings.n_folds), sep="\n")
            print(leakage.VERDICTS[leakage.verdict(findings)] + "\n")
    if options.json:
        print(json.dumps(told if len(told) > 1 else told[0], indent=1))
    return 0


def _predict(options) -> int:
    from ser_lib.core import jobs
    from ser_lib.experiments.recognizer import Recognizer

    recognizer = Recognizer(options.model)
    if options.enrol:
        recognizer = recognizer.enrol(options.enrol)
    if not options.quiet:
        print(f"note: {recognizer.about or recognizer.folder}. {LAW}", file=sys.stderr)
    result = recognizer.predict(options.audio, segments=options.segments, progress=jobs.tell)
    for error in result.refused:
        print(f"ser: {error}", file=sys.stderr)
    for remark in result.remarks:
        print(f"note: {remark}", file=sys.stderr)
    times = [("", "")] * len(result.files) if result.times is None else result.times.round(2)
    given = (result.files, times, result.predicted, result.abstains, result.probabilities)
    rows = []
    for file, (start, end), emotion, abstains, scores in zip(*given, strict=True):
        place = {"start": float(start), "end": float(end)} if options.segments else {}
        named = {e: round(float(p), 6) for e, p in zip(result.emotions, scores, strict=True)}
        said = {"emotion": emotion, "abstains": bool(abstains), "probabilities": named}
        rows.append({"file": file, **place, **said})
    if options.json:
        print(json.dumps(rows, indent=1))
    elif rows:
        width = max(len(row["file"]) for row in rows)
        columns = "".join(f"{emotion:>13}" for emotion in result.emotions)
        places = f"{'start':>8}{'end':>8}" if options.segments else ""
        print(f"{'file':<{width}}{places}  {'emotion':<14}{columns}")
        for row in rows:
            values = "".join(f"{p:>13.3f}" for p in row["probabilities"].values())
            place = f"{row['start']:>8.2f}{row['end']:>8.2f}" if options.segments else ""
            emotion = f"({row['emotion']})" if row["abstains"] else row["emotion"]
            print(f"{row['file']:<{width}}{place}  {emotion:<14}{values}")
        if result.abstains.any() and not options.quiet:
            print("note: in brackets, it is too unsure to answer", file=sys.stderr)
    return 1 if result.refused else 0


def _export(options) -> int:
    from ser_lib.experiments import run
    from ser_lib.models import bundle, export
    from ser_lib.pages import live

    chosen = run.read(run.find(options.model))
    export.check(bundle.read_front_end(chosen.folder))
    corpus = chosen.record.corpus.name
    folder = options.out or Path("exported", f"{corpus}-{chosen.folder.name}")
    card = folder / "README.md"
    if card.exists() and live.MARK not in card.read_text(encoding="utf-8", errors="replace"):
        raise ParameterError(f"{card} is no model card of ours: name another folder (--out)")
    if options.measure:
        print(live.precisions(chosen, options.data).to_string(index=False))
    convert = {"litert": export.litert, "onnx": export.onnx}[options.to]
    kind = "" if options.precision == "float32" else f"-{options.precision}"
    name = f"model{kind}.{'tflite' if options.to == 'litert' else 'onnx'}"
    content = convert(chosen.folder, precision=options.precision)
    write_atomically(folder / name, content)
    write_atomically(folder / "labels.txt", "\n".join(chosen.emotions) + "\n")
    write_atomically(card, live.Card(chosen, name).text("card") + "\n")
    print(f"{folder / name}: {len(content) / 1e6:.1f} MB; its model card: {card}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
