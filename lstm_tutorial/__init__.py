"""An LSTM written to be read, equal to ``torch.nn.LSTM``, and what the book builds on it."""
