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
    from keras import layers

    inputs = keras.Input(shape, name="feature_map")
    x = sequence(blocks(inputs, block_dropout))
    both = layers.GRU(64, return_sequences=True, unroll=True, name="gru")
    x = layers.Bidirectional(both, name="bidirectional_gru")(x)
    x = layers.GRU(128, unroll=True, name="gru")(x)
    outputs = head(x, n_classes, head_dropout)
    return keras.Model(inputs, outputs, name="cnn_gru")
