"""A step of training, against Keras' own way and against what the convolutions alone cost.

All of them train the same network on the same batch in one process, with one thread, as folds are
trained beside each other. The rival is what most people write: the network of Keras' layers,
compiled with Keras' AdamW, and `train_on_batch`; in bfloat16, with Keras' mixed precision. The
limit is its three convolutions alone, as they stand in the network: forward with bias and ReLU, and
the gradients of ReLU, bias, kernel and, but for the first, input, each by the quickest operation
that TensorFlow has for it.
"""

import time
from collections.abc import Callable
from itertools import product

import numpy as np

from benchmarks.harness import alternate, row
from ser_lib.experiments.experiment import ARCHITECTURES, Experiment
from ser_lib.features.maps import FRAMES, ROWS
from ser_lib.models import networks

IN_BFLOAT16 = " in bfloat16"
GROUP, UNIT = "training step", "ms per utterance"
AT_MOST = 1.6
STEPS = 15
"""Steps of a run."""
RUNS = 7
N_CLASSES = 5


def run(progress: Callable[[str], None]) -> list[dict]:
    """Measure every network with the batch size of its experiments, in either precision."""
    from ser_lib.experiments.fit import start_worker

    start_worker()  # one thread
    rows = []
    for name, precision in product(ARCHITECTURES, ("float32", "bfloat16")):
        kind = IN_BFLOAT16 if precision == "bfloat16" else ""
        progress(name + kind)
        experiment = Experiment(architecture=name, precision=precision)
        random = np.random.default_rng(0)
        shape = (experiment.batch_size, ROWS, FRAMES, experiment.channels)
        inputs = random.normal(size=shape).astype("float32")
        targets = np.eye(N_CLASSES, dtype="float32")[random.integers(N_CLASSES, size=len(inputs))]
        values = alternate(
            {
                side: _timed(make(experiment, inputs, targets), len(inputs))
                for side, make in (("ours", _ours), ("rival", _keras), ("limit", _convolutions))
            },
            runs=RUNS,
        )
        rows.append(
            row(
                GROUP,
                f"{networks.title(name)}{kind}, batch of {len(inputs)}",
                UNIT,
                values,
                more_is_better=False,
                rival_name="Keras: compile and train_on_batch",
                limit_name="its three convolutions alone",
                target=None if kind else {"against": "limit", "at_most": AT_MOST},
            )
        )
    return rows


def _timed(step: Callable[[], object], n: int) -> Callable[[], float]:
    """Return a function that measures a run of steps, in ms per utterance."""

    def measure() -> float:
        clock = time.perf_counter()
        for _ in range(STEPS):
            step()
        return 1000 * (time.perf_counter() - clock) / (STEPS * n)

    return measure


def _network(experiment: Experiment, inputs):
    return networks.build(
        experiment.architecture,
        inputs.shape[1:],
        N_CLASSES,
        block_dropout=experiment.block_dropout,
        head_dropout=experiment.head_dropout,
    )


def _ours(experiment: Experiment, inputs, targets):
    from ser_lib.experiments.fit import training_step

    step = training_step(_network(experiment, inputs), experiment, n_batches=100)
    weights = np.ones(len(inputs), "float32")
    return lambda: step(inputs, targets, weights)


def _keras(experiment: Experiment, inputs, targets):
    import keras

    policy = "mixed_bfloat16" if experiment.precision == "bfloat16" else "float32"
    keras.config.set_dtype_policy(policy)
    network = _network(experiment, inputs)
    keras.config.set_dtype_policy("float32")
    optimizer = keras.optimizers.AdamW(
        experiment.learning_rate, weight_decay=experiment.weight_decay, clipnorm=1.0
    )
    # Compiling all of it with XLA, convolutions and all, would take several times as long.
    network.compile(optimizer, "categorical_crossentropy", jit_compile=False)
    return lambda: network.train_on_batch(inputs, targets)


def _convolutions(experiment: Experiment, inputs, targets):
    import tensorflow as tf

    same = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    cases = []
    for layer in _network(experiment, inputs).layers:
        if layer.name.endswith("_conv"):
            shape = (len(inputs), *layer.input.shape[1:])
            values = tf.random.stateless_normal(shape, (1, 2))
            upstream = tf.random.stateless_normal((*shape[:-1], layer.filters), (3, 4))
            tensors = (values, *map(tf.convert_to_tensor, layer.weights), upstream)
            cases.append([tf.cast(tensor, experiment.precision) for tensor in tensors])

    @tf.function(autograph=False)
    def step():
        results = []
        for number, (values, kernel, bias, upstream) in enumerate(cases):
            convolved = tf.raw_ops.Conv2D(input=values, filter=kernel, **same)
            outputs = tf.nn.relu(tf.nn.bias_add(convolved, bias))
            back = tf.raw_ops.ReluGrad(gradients=upstream, features=outputs)
            results += [
                outputs,
                tf.reduce_sum(tf.reduce_sum(back, 1), (0, 1)),
                tf.raw_ops.Conv2DBackpropFilter(
                    input=values, filter_sizes=kernel.shape, out_backprop=back, **same
                ),
            ]
            if number:
                results.append(
                    tf.raw_ops.Conv2DBackpropInput(
                        input_sizes=values.shape, filter=kernel, out_backprop=back, **same
                    )
                )
        # What nobody asks for is not computed, and to hand over all of it takes no time either.
        return results

    return step
