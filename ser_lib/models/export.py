"""A trained network as one file that other programs run: a waveform in, probabilities out.

The graph holds the front end of `bundle.FrontEnd`, so that nobody has to write it again: level,
spectrum, log-mel map, deltas, standardisation, windows and their mean. It takes float32 [samples]
at `audio.RATE`, full scale 1.0, of any length, and answers with float32 [emotions]. A signal of
another rate must be resampled first, as `audio.load` does.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ser_lib.core import jobs
from ser_lib.core.errors import ParameterError, choose, extras
from ser_lib.features import maps, spectrum
from ser_lib.models import bundle
from ser_lib.models.bundle import FrontEnd, LiteNetwork

PRECISIONS = ("float32", "float16", "int8")
"""How weights are stored. What is computed with them are float32 numbers, but for the products of
``int8``, whose other factors are rounded, too."""


def litert(model: str | Path, *, precision: str = "float32") -> bytes:
    """Return the network of a bundle, or of a run's folder, as a LiteRT flatbuffer.

    A `ParameterError` says that its front end cannot be in the file.
    """
    choose(precision, PRECISIONS, "precision")
    network, front_end = _parts(model)
    return _flatbuffer(network, _answer(network, front_end), [None], precision)


def onnx(model: str | Path, *, precision: str = "float32") -> bytes:
    """Return the same as an ONNX model; its weights are float32 numbers.

    A `ParameterError` says so, too, where the extra ``onnx`` is not installed.
    """
    if choose(precision, PRECISIONS, "precision") != "float32":
        raise ParameterError(f"an ONNX file has float32 weights; {precision} is for litert")
    network, front_end = _parts(model)
    with extras("onnx"):
        import tf2onnx
    import tensorflow as tf

    signature = [tf.TensorSpec([None], tf.float32, name="input")]
    function = tf.function(_answer(network, front_end), input_signature=signature)
    return tf2onnx.convert.from_function(function, signature, opset=18)[0].SerializeToString()


def for_windows(model: str | Path) -> bytes:
    """Return the network alone: one window float32 [1, rows, frames, channels] -> [1, emotions].

    Its weights are float16 numbers and its shape is fixed, as runtimes in browsers ask for.
    """
    network, front_end = _parts(model)
    shape = [1, maps.ROWS, maps.FRAMES, front_end.channels]
    return _flatbuffer(network, lambda windows: network(windows, training=False), shape, "float16")


def answers(flatbuffer: bytes, signals: Iterable[np.ndarray]) -> tuple[np.ndarray, list[float]]:
    """Return what a file of `litert` says of signals: float32 [signals, emotions], and seconds."""
    network, result, seconds = LiteNetwork(flatbuffer), [], []
    for signal in signals:
        clock = time.perf_counter()
        result.append(network.answer(signal))
        seconds.append(time.perf_counter() - clock)
    return np.array(result), seconds


def check(front_end: object) -> FrontEnd:
    """Return what a bundle's front end is if a graph can hold it; or a `ParameterError`."""
    if not isinstance(front_end, FrontEnd):
        raise ParameterError(
            "only a network can be exported; a discriminant (lda) reads functionals, which no "
            "graph computes: use ser predict, or ser_lib.predict in Python"
        )
    if front_end.feature_map != "logmel":
        raise ParameterError(
            f"a network on the map '{front_end.feature_map}' cannot be exported: the graph has "
            "'logmel' alone, and F0, onsets and chroma would be a second implementation of them"
        )
    if front_end.copies != "none":
        raise ParameterError(
            f"a network that hears copies ({front_end.copies}) cannot be exported: the graph hears "
            "the signal alone; train it with test_copies=none"
        )
    return front_end


def _parts(model: str | Path) -> tuple:
    front_end = check(bundle.read_front_end(model))
    with jobs.silent_libraries():  # what TensorFlow says at its start is no news
        return bundle.read_network(model, front_end), front_end


def _answer(network, front_end: FrontEnd) -> Callable:
    """Return the function float32 [samples] -> [emotions], in operations of TensorFlow."""
    import tensorflow as tf

    def answer(signal):
        static = _log_mel(_levelled(signal))
        feature_map = _deltas(static) if front_end.channels == 3 else tf.expand_dims(static, -1)
        feature_map = (feature_map - front_end.standardiser.mean) / front_end.standardiser.std
        answers = network(_even_windows(feature_map, front_end.crops), training=False)
        total = tf.reduce_sum(answers, 0)
        return total / tf.reduce_sum(total)

    return answer


def _levelled(signal):
    """Bring float32 [samples] to the level of `maps.levelled`."""
    import tensorflow as tf

    padded = tf.pad(signal, [[0, -tf.size(signal) % maps.HOP]])
    powers = tf.reduce_mean(tf.square(tf.reshape(padded, [-1, maps.HOP])), 1)
    loudest = tf.reduce_max(powers)
    heard = powers >= loudest * 10 ** (-spectrum.FLOOR_DB / 10)
    level = _percentile(powers, 950, tf.reduce_sum(tf.cast(heard, tf.int32)))
    return signal * tf.where(loudest > 0, tf.sqrt(10 ** (maps.LEVEL_DB / 10) / level), 1.0)


def _log_mel(signal):
    """Turn float32 [samples] into levels [frames, rows], as `spectrum.log_mel` transposed."""
    import tensorflow as tf

    padded = tf.pad(signal, [[spectrum.N_FFT // 2] * 2])
    frames = tf.signal.frame(padded, spectrum.N_FFT, spectrum.HOP) * spectrum.window()
    power = tf.square(tf.maximum(tf.abs(tf.signal.rfft(frames)), spectrum.noise_floor()))
    bands = []
    # One after the other: the weights of a whole bank would be rounded to 8 bits, and with them
    # the spectrum, which has many orders of magnitude.
    for weights in spectrum.mel_bank().toarray():
        first, *_, last = np.flatnonzero(weights)
        bands.append(tf.linalg.matvec(power[:, first : last + 1], weights[first : last + 1]))
    level = spectrum.DB * tf.math.log(tf.stack(bands, 1))
    return tf.maximum(level, _percentile(level, 995, tf.size(level)) - spectrum.FLOOR_DB)


def _percentile(values, thousandths: int, n):
    """Return what `np.percentile` does of the n highest values."""
    import tensorflow as tf

    place = thousandths * (n - 1)  # in thousandths, too
    lower = place // 1000
    highest = tf.math.top_k(tf.reshape(values, [-1]), n - lower).values
    below, above = highest[-1], highest[tf.maximum(tf.size(highest) - 2, 0)]
    return below + tf.cast(place - 1000 * lower, tf.float32) / 1000 * (above - below)


def _deltas(static):
    """Turn [frames, rows] into [frames, rows, 3], as `maps.add_deltas` does."""
    import tensorflow as tf

    padded = tf.concat([tf.repeat(static[:1], 4, 0), static, tf.repeat(static[-1:], 4, 0)], 0)
    n = tf.shape(static)[0]
    moved = {k: padded[4 + k : 4 + k + n] for k in range(-4, 5)}
    slope = sum(k / 60 * (moved[k] - moved[-k]) for k in range(1, 5))
    curvature = sum(
        (3 * k * k - 20) / 462 * (moved[k] + moved[-k] - 2 * static) for k in range(1, 5)
    )
    return tf.stack([static, slope, curvature], -1)


def _even_windows(feature_map, crops: int):
    """Turn [any, rows, channels] into [n, rows, frames, channels], as `windows.even_windows`."""
    import tensorflow as tf

    length, (_, *rest) = tf.shape(feature_map)[0], feature_map.shape
    slack, missing = tf.abs(length - maps.FRAMES), tf.maximum(maps.FRAMES - length, 0)
    if crops == 1:
        places = tf.constant([0.5]) * tf.cast(slack, tf.float32)
    else:
        n = tf.maximum(crops, (length + maps.FRAMES - 1) // maps.FRAMES)
        places = tf.cast(tf.range(n) * slack, tf.float32) / tf.cast(n - 1, tf.float32)
    offsets = tf.cast(tf.round(places), tf.int32)
    # A map that is shorter than the window starts in it at the offset.
    starts = tf.where(missing > 0, missing - offsets, offsets)
    padded = tf.pad(feature_map, [[missing, missing], [0, 0], [0, 0]])
    windows = tf.gather(padded, tf.reshape(starts, [-1, 1]) + tf.range(maps.FRAMES))
    windows = tf.reshape(windows, [-1 if crops > 1 else 1, maps.FRAMES, *rest])
    return tf.transpose(windows, [0, 2, 1, 3])


def _flatbuffer(network, function: Callable, shape: list, precision: str) -> bytes:
    import keras
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # a page would show what it writes where
    with TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(network)
        signature = [tf.TensorSpec(shape, tf.float32, "input")]
        archive.add_endpoint("serve", function, input_signature=signature)
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
