"""CNN-GRU: convolution blocks, then GRUs that read along time."""

from ser_lib.models.networks import blocks, head, network, sequence


@network(
    title="CNN-GRU",
    channels=3,
    recipe={"learning_rate": 2e-3, "mixup": 0.3, "block_dropout": 0.2},
)
def cnn_gru(shape, n_classes, *, block_dropout, head_dropout):
    """Read the sequence both ways (GRU 64), then summarise it (GRU 128)."""
    import keras

    inputs = keras.Input(shape, name="feature_map")
    x = sequence(blocks(inputs, block_dropout))
    both = keras.layers.GRU(64, return_sequences=True, unroll=True, name="gru")
    x = keras.layers.Bidirectional(both, name="bidirectional_gru")(x)
    x = keras.layers.GRU(128, unroll=True, name="gru")(x)
    return keras.Model(inputs, head(x, n_classes, head_dropout), name="cnn_gru")
