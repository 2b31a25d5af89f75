"""CNN: convolution blocks, then dense layers. Time and frequency have no order of their own."""

from ser_lib.models.networks import blocks, head, network


@network(
    title="CNN",
    channels=1,
    # The first dense layer reads 14,336 values: it learns with smaller steps, and only while
    # dropout and mixup leave it alone.
    recipe={"learning_rate": 5e-4, "mixup": 0.0, "block_dropout": 0.1},
)
def cnn(shape, n_classes, *, block_dropout, head_dropout):
    """Flatten the map that the blocks give."""
    import keras

    inputs = keras.Input(shape, name="feature_map")
    x = blocks(inputs, block_dropout)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, head(x, n_classes, head_dropout), name="cnn")
