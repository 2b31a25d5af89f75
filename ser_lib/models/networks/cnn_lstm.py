"""CNN-LSTM: convolution blocks, then LSTMs that read along time."""

from ser_lib.models.networks import blocks, head, network, sequence


@network(
    title="CNN-LSTM",
    channels=1,
    recipe={"learning_rate": 2e-3, "mixup": 0.3, "block_dropout": 0.2},
)
def cnn_lstm(shape, n_classes, *, block_dropout, head_dropout):
    """Read the sequence both ways (LSTM 128), then summarise it (LSTM 64)."""
    import keras

    inputs = keras.Input(shape, name="feature_map")
    x = sequence(blocks(inputs, block_dropout))
    both = keras.layers.LSTM(128, return_sequences=True, unroll=True, name="lstm")
    x = keras.layers.Bidirectional(both, name="bidirectional_lstm")(x)
    x = keras.layers.LSTM(64, unroll=True, name="lstm")(x)
    return keras.Model(inputs, head(x, n_classes, head_dropout), name="cnn_lstm")
