"""Features made elsewhere: tables and tiny ONNX networks with known answers."""

import numpy as np
import pandas as pd
import pytest

from ser_lib import corpora
from ser_lib.core import audio
from ser_lib.core.errors import ParameterError
from ser_lib.experiments import train
from ser_lib.experiments.experiment import Experiment
from ser_lib.features import embeddings, functionals
from ser_lib.features.copies import Copy

FRAME = 400


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A graph that cuts a signal into frames of 400 samples: their sums, and sums of squares."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    ones = helper.make_tensor("ones", TensorProto.FLOAT, [1, 1, FRAME], np.ones(FRAME))
    shapes = {
        name: helper.make_tensor(name, TensorProto.INT64, [3], shape)
        for name, shape in {"wide": [1, 1, -1], "long": [1, -1, 1]}.items()
    }
    conv = {"strides": [FRAME], "kernel_shape": [FRAME]}
    nodes = [
        helper.make_node("Reshape", ["signal", "wide"], ["one"]),
        helper.make_node("Conv", ["one", "ones"], ["sums"], **conv),
        helper.make_node("Mul", ["one", "one"], ["squared"]),
        helper.make_node("Conv", ["squared", "ones"], ["powers"], **conv),
        helper.make_node("Concat", ["sums", "powers"], ["both"], axis=1),
        helper.make_node("Transpose", ["both"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("Reshape", ["powers", "long"], ["energy"]),
    ]

    def value(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    outputs = [value("frames", [1, None, 2]), value("energy", [1, None, 1])]
    inputs = [value("signal", [1, None])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, [ones, *shapes.values()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    model.metadata_props.add(key="sampling_rate", value="16000")
    file = tmp_path_factory.mktemp("network") / "tiny.onnx"
    onnx.save(model, file)
    return file


SIGNAL = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)


def test_a_network_answers_what_is_known(network):
    frames = SIGNAL.reshape(-1, FRAME).astype(float)
    expected = np.stack([frames.sum(axis=1), np.square(frames).sum(axis=1)], axis=1)
    text = embeddings.stated(f"onnx:{network}")
    found = embeddings.of_signal(text, SIGNAL, 16_000)
    np.testing.assert_allclose(found, expected.mean(axis=0), rtol=1e-4, atol=1e-5)
    both = embeddings.of_signal(f"onnx:{network},pooling=mean+std", SIGNAL, 16_000)
    np.testing.assert_allclose(both[2:], expected.std(axis=0), rtol=1e-4)
    energy = embeddings.of_signal(f"onnx:{network},layer=energy", SIGNAL, 16_000)
    np.testing.assert_allclose(energy, expected[:, 1].mean(keepdims=True), rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (",rate=8000", "takes 16000 Hz; say rate=16000"),
        (",layer=last", "unknown layer 'last'.*frames, energy"),
        (",pooling=max", "unknown pooling"),
        (",rate=fast", "rate must be a whole number"),
        (",stride=2", "unknown option"),
        (",sha256=0123456789abcdef", "is not the file that was trained on"),
    ],
)
def test_what_does_not_fit_a_network_is_refused(network, options, message):
    with pytest.raises(ParameterError, match=message):
        embeddings.of_signal(f"onnx:{network}{options}", SIGNAL, 16_000)


def test_what_is_no_network_is_refused(tmp_path, network):
    (tmp_path / "a.onnx").write_bytes(b"no network")
    for text, message in {
        f"onnx:{tmp_path / 'a.onnx'}": "is no ONNX network",
        f"onnx:{tmp_path / 'b.onnx'}": "there is no file",
        "torch:a.pt": "unknown kind of features 'torch'",
    }.items():
        with pytest.raises(ParameterError, match=message):
            embeddings.of_signal(text, SIGNAL)


def test_the_discriminant_is_trained_on_a_network_and_hears_with_it(
    network, workspace, tmp_path, make_table
):
    corpus = corpora.load("table", make_table(tmp_path / "corpus"))
    text = f"onnx:{network}"
    run = train.train("lda", corpus, workers=1, features=text, copies="speed")
    assert run.experiment.features == embeddings.stated(text)
    rows = functionals.table(corpus, run.experiment.features, copy=Copy(speed=1.17))
    file = corpus.root / corpus.table["path"].iloc[3]
    own = embeddings.of_signal(text, Copy(speed=1.17).apply(audio.load(file)))
    np.testing.assert_array_equal(rows[3], own)
    model = run.model()
    assert model.static(file).shape == (5, 2)
    np.testing.assert_allclose(model.static(file)[-1], own)
    assert np.isfinite(model.predict([model.static(file)])).all()


@pytest.fixture
def corpus(workspace, tmp_path, make_table):
    return corpora.load("table", make_table(tmp_path / "corpus"))


@pytest.fixture
def numbers(corpus, tmp_path):
    """A table in another order, with one utterance more, in which the emotion is plain."""
    truth = pd.Categorical(corpus.table["emotion"], categories=corpus.emotions).codes
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "utterance": corpus.table["utterance"],
            "a": truth + generator.normal(0, 0.1, len(truth)),
            "b": generator.normal(size=len(truth)),
        }
    )
    more = pd.DataFrame({"utterance": ["other"], "a": [0.0], "b": ["nothing"]})
    file = tmp_path / "numbers.csv"
    pd.concat([more, table.iloc[::-1]]).to_csv(file, index=False)
    return file


def test_a_table_takes_the_place_of_the_functionals(corpus, numbers):
    run = train.train("lda", corpus, workers=1, features=f"table:{numbers}")
    assert run.uar.value > 0.9
    assert run.record.parameters["copies"] == "none"
    with pytest.raises(ParameterError, match="no other can be heard"):
        run.model().static(corpus.root / corpus.table["path"].iloc[0])
    other = pd.read_csv(numbers)
    other["a"] = 0.0
    other.to_csv(numbers, index=False)
    embeddings._hash.cache_clear()
    again = Experiment(architecture="lda", corpus="table", features=f"table:{numbers}")
    assert again.features != run.experiment.features, "another table is another experiment"
    with pytest.raises(ParameterError, match="is not the file that was trained on"):
        embeddings.of_table(run.experiment.features, list(corpus.table["utterance"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.iloc[:-1], "has no row for 1 utterances of the corpus, such as"),
        (lambda table: pd.concat([table, table.iloc[-1:]]), "twice"),
        (lambda table: table.assign(b="x"), "'b' of utterance .* is no finite number"),
        (lambda table: table[["utterance"]], "no column of numbers"),
        (lambda table: table.rename(columns={"utterance": "name"}), "no column 'utterance'"),
    ],
)
def test_what_does_not_fit_the_corpus_is_refused(corpus, numbers, change, message):
    change(pd.read_csv(numbers)).to_csv(numbers, index=False)
    embeddings._hash.cache_clear()
    with pytest.raises(ParameterError, match=message):
        train.train("lda", corpus, workers=1, features=f"table:{numbers}")
    with pytest.raises(ParameterError, match="no copies"):
        Experiment(architecture="lda", features=f"table:{numbers}", copies="speed")
