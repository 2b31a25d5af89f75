"""What each command does: a function of its parsed options that returns the exit code.

What takes long to import is imported by the command that needs it.
"""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from ser_lib.core.errors import ParameterError, choose
from ser_lib.core.files import write_atomically

SHOWN = 10  # rows of a long list that are printed
LAW = (
    "EU AI Act: tell those whom it listens to (Article 50(3)); at work and in education it is "
    "prohibited but for medical or safety reasons (Article 5(1)(f))"
)


def corpora(options) -> int:
    """List the corpora that can be read."""
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


def download(options) -> int:
    """Download a corpus that has an open archive."""
    from ser_lib.corpora import describe, download

    archive, corpus = download.archive(options.corpus), describe(options.corpus)
    print(f"{corpus.title}\nlicence: {corpus.licence}; from: {corpus.home}")
    print(f"to download: {archive.in_words}", flush=True)
    folder = shlex.quote(str(download.fetch(options.corpus, options.folder)))
    print(f"the corpus is in {folder}; next:")
    print(f"  ser manifest {corpus.name} --data {folder}")
    print(f"  make book CORPUS={corpus.name} DATA={folder}")
    return 0


def manifest(options) -> int:
    """Read a corpus folder and print its audit."""
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


def run(options) -> int:
    """Execute notebooks; all of the report if none is named."""
    from ser_lib.report import templates

    parameters = given(options)
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


def sweep(options) -> int:
    """Train a grid of networks and compare them by validation."""
    from ser_lib.experiments import sweep

    _check_out(options.out)
    table = sweep.run(sweep.read(options.file), workers=options.scheduler)
    print(sweep.in_words(table))
    _write_table(table, options.out)
    return 0


def search(options) -> int:
    """Search a method's parameters by validation."""
    from ser_lib.experiments import search, sweep
    from ser_lib.pages import provenance

    _check_out(options.out)
    asked = search.read(options.file)
    record = search.run(asked, workers=options.scheduler)
    _write_table(record.table, options.out)
    if options.json:
        print(json.dumps(asdict(record), indent=1))
        return 0
    print(sweep.in_words(record.table.head(SHOWN)))
    n = f"{record.configurations} configurations tried, {record.pruned} trials pruned"
    print(f"\n{n}; which parameters mattered:")
    for name, share in record.importances.items():
        print(f"  {name:<16} {share:.2f}")
    if record.best:
        given = record.best.parameters | asked.fixed
        corpus, name = given.pop("corpus"), given.pop("architecture")
        print("\nno test score was read; this runs and tests the best, once:")
        print(provenance.command(name, corpus, given, data=asked.data_dir))
    return 0


def _check_out(out: str | None) -> None:
    """Refuse a file that could not be written after hours of work."""
    file = Path(out).absolute() if out else None
    if file and (file.is_dir() or not file.parent.is_dir()):
        raise ParameterError(f"cannot write {out}: name a file in a folder that is there")


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


def given(options) -> dict:
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


def audit(options) -> int:
    """Look for leaks in a split; exit code 1 if there is one."""
    from ser_lib import corpora
    from ser_lib.experiments import leakage, splits
    from ser_lib.experiments.experiment import Experiment
    from ser_lib.features import fingerprint

    asked = given(options)
    # A file has its folds already.
    known = ("protocol", "emotions", "style", *(() if options.split else ("folds", "seed")))
    for name in asked:
        choose(name, known, "parameter of audit")
    protocol = asked.pop("protocol", None)
    experiment = Experiment(architecture="cnn", corpus=options.corpus, **asked)  # checks the values
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


def book(options) -> int:
    """Build the book from the executed notebooks, then check it."""
    from ser_lib.report import book

    if options.check:
        findings = book.check(options.check)
    else:
        given = {"report": options.report, "with_pdf": options.pdf}
        findings = book.publish(options.corpus, with_archive=options.archive, **given)
    for finding in findings:
        print(f"gate: {finding}", file=sys.stderr)
    return 1 if findings else 0


def runs(options) -> int:
    """List the runs that there are, with their scores."""
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


def compare(options) -> int:
    """Compare two runs of a corpus."""
    from ser_lib.experiments import names, run
    from ser_lib.pages import runs
    from ser_lib.pages.words import p_value, signed

    both = [run.read(names.find(one)) for one in (options.first, options.second)]
    contrast = runs.contrast(*both)
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


def evaluate(options) -> int:
    """Score predictions of any program on a corpus."""
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


def predict(options) -> int:
    """Recognise the emotion of audio files."""
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


def export(options) -> int:
    """Write a network for other programs, with its model card."""
    from ser_lib.experiments import names, run
    from ser_lib.models import bundle, export
    from ser_lib.pages import live

    chosen = run.read(names.find(options.model))
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
