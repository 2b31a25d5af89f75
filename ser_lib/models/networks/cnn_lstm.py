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
    from keras import layers

    inputs = keras.Input(shape, name="feature_map")
    x = sequence(blocks(inputs, block_dropout))
    both = layers.LSTM(128, return_sequences=True, unroll=True, name="lstm")
    x = layers.Bidirectional(both, name="bidirectional_lstm")(x)
    x = layers.LSTM(64, unroll=True, name="lstm")(x)
    outputs = head(x, n_classes, head_dropout)
    return keras.Model(inputs, outputs, name="cnn_lstm")
