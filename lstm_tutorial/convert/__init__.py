"""Weights of ``nn.LSTM`` to and from other frameworks, other shapes and other names.

The functions take and return plain dicts, lists and arrays: a ``state_dict`` on PyTorch's side, on
the other side what the framework itself reads and writes. None of them imports the framework.
"""

from lstm_tutorial._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "kernels": ["from_keras", "from_tensorflow1", "to_keras", "to_tensorflow1"],
        "cells": ["from_flax", "to_flax"],
        "nodes": ["from_onnx", "to_onnx"],
        "checkpoint": ["into_bidirectional", "load", "renamed"],
    },
)
