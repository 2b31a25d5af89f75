"""A trained network without TensorFlow, which takes seconds to start.

`convert` writes the graph of a network and its weights as a LiteRT flatbuffer, in float32 and with
LiteRT's own operations only. `Network` answers with it, in milliseconds from the start and with the
probabilities of Keras but for rounding. LiteRT is the extra `export` of this package; it is used
where it is installed.
"""

from tempfile import TemporaryDirectory

import numpy as np

WINDOWS = 8
"""Windows that go through the network together: more do not stay in the processor's cache."""


def available() -> bool:
    """Tell whether LiteRT is installed, for this kind of system."""
    try:
        import ai_edge_litert.interpreter  # noqa: F401
    except ImportError:
        return False
    return True


def convert(network) -> bytes:
    """Return a `keras.Model` as a LiteRT flatbuffer; takes seconds."""
    import tensorflow as tf

    with TemporaryDirectory() as folder:
        network.export(folder, verbose=False)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


class Network:
    """A network that LiteRT computes, in the calling thread.

    An answer does not depend on the windows beside it, not even in its last bit. Two threads must
    not use the same object at the same time.

    Parameters
    ----------
    flatbuffer
        Of `convert`.

    Raises
    ------
    ValueError
        If it is none.
    """

    def __init__(self, flatbuffer: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=flatbuffer, num_threads=1)
        (self._input,) = (tensor["index"] for tensor in self._interpreter.get_input_details())
        (self._output,) = (tensor["index"] for tensor in self._interpreter.get_output_details())

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Return probabilities float32 [n, classes] of windows float32 [n, ...]."""
        parts = (windows[start : start + WINDOWS] for start in range(0, len(windows), WINDOWS))
        return np.concatenate([self._answer(part) for part in parts])

    def _answer(self, windows: np.ndarray) -> np.ndarray:
        self._interpreter.resize_tensor_input(self._input, windows.shape)
        self._interpreter.allocate_tensors()  # nothing is done where the shape is that of before
        self._interpreter.set_tensor(self._input, windows)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)
