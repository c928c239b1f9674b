"""A classifier as one ONNX file: with its vocabulary, and answering without torch.

The file's ``metadata_props`` hold the words, how a review is cut, and a test vector: a text, its
ids and its logit. Whoever opens the file computes them first, so that a file whose words and
weights do not belong together, or a runtime that computes something else, gives no answers.
"""

import json
import math
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lstm_tutorial._files import write_whole
from lstm_tutorial.sentiment.data.tokens import split_words, truncate

KEY = "lstm_tutorial"
TEXT = "Not a great film, but a warm one: I laughed, cried, and watched it twice!"
# Processors compute with 8-bit weights in different ways.
TOLERANCE = {"float32": 1e-4, "int8": 0.1}
NEEDED = "expected onnx, onnxscript and onnxruntime: install lstm-tutorial[export]"


class Classifier(NamedTuple):
    """An exported classifier, ready to answer."""

    session: Any
    ids: dict[str, int]
    max_length: int
    keep: str

    def encode(self, text: str, name: str) -> list[int]:
        """Return a text's ids; errors call it ``name``."""
        tokens = split_words(text)
        if not tokens:
            raise ValueError(f"expected some words, got an empty review: {name}")
        return truncate([self.ids.get(token, 1) for token in tokens], self.max_length, self.keep)

    def logit(self, ids: list[int]) -> float:
        """Compute the logit of one review."""
        import numpy as np

        given = {"ids": np.array([ids]), "lengths": np.array([len(ids)])}
        return float(self.session.run(None, given)[0][0])


def export(folder: Path, path: Path, quantize: bool = False) -> float:
    """Export a finished run's classifier with its vocabulary and a test vector.

    Args:
        folder: of the run.
        path: of the ONNX file; replaced if it exists.
        quantize: store the weights in 8 bits and compute with them (dynamic quantization).

    Returns:
        The largest difference between the logits of module and file, before quantization.

    Raises:
        ValueError: if there is no finished run, or its model cannot be exported.
        OSError: if the path cannot be written.
        RuntimeError: if a package is missing.
    """
    from lstm_tutorial.export import to_onnx
    from lstm_tutorial.sentiment.data.batches import collate
    from lstm_tutorial.sentiment.runs.run import load as load_run

    if not path.parent.is_dir():
        raise OSError(f"expected a file in a folder that exists, got {path}")
    run = load_run(folder)
    content: dict[str, Any] = {"words": run.vocab.itos[2:], "text": TEXT}
    content |= {"weights": "int8" if quantize else "float32"}
    content |= {"max_length": run.settings.max_length, "keep": run.settings.keep}
    ids = _classifier(None, content).encode(TEXT, "the test vector")
    example = collate([(ids, 0), (ids[: 1 + len(ids) // 2], 0)])
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "model.onnx"
        try:
            args = (example.ids, example.lengths)
            difference = to_onnx(run.model, made, args, output_names=["logit"])
            made = _quantized(made) if quantize else made
            logit = _classifier(_session(made.read_bytes()), content).logit(ids)  # or ImportError
        except ImportError as error:
            raise RuntimeError(NEEDED) from error
        write_whole(path, _with_metadata(made, content | {"ids": ids, "logit": logit}))
    return difference or 0.0


def load(path: Path, threads: int = 0) -> Classifier:
    """Open a file that ``export`` wrote, and check it with its test vector.

    Args:
        path: of the file.
        threads: for onnxruntime; 0 leaves the number to it.

    Raises:
        ValueError: if it is another file, or what it holds does not give the test vector.
        OSError: if it cannot be read.
        RuntimeError: if onnxruntime is missing.
    """
    data = path.read_bytes()
    try:
        session = _session(data, threads)
    except ImportError as error:
        raise RuntimeError(NEEDED) from error
    except Exception as error:
        raise ValueError(f"{path} is not an ONNX model that onnxruntime can read") from error
    try:
        content = json.loads(session.get_modelmeta().custom_metadata_map[KEY])
        made = _classifier(session, content)
        ids, expected = content["ids"], content["logit"]
        tolerance = TOLERANCE[content["weights"]]
        same = made.encode(content["text"], "the test vector") == ids
    except (KeyError, TypeError, ValueError) as error:
        words = "is the model of another program: make one with python -m lstm_tutorial export"
        raise ValueError(f"{path} {words}") from error
    if not same or not abs(made.logit(ids) - expected) <= tolerance:
        raise ValueError(f"{path} does not give its own test vector: export the run again")
    return made


def predict(classifier: Classifier, texts: Iterable[str]) -> Iterator[float]:
    """Yield the probability that each text is positive, one after the other.

    Raises:
        ValueError: at the first empty text, with its line, counted from 1.
    """
    for k, text in enumerate(texts, start=1):
        logit = classifier.logit(classifier.encode(text, f"line {k}"))
        yield 0.5 * (1 + math.tanh(logit / 2))


def _classifier(session: Any, content: dict[str, Any]) -> Classifier:
    ids = {word: k for k, word in enumerate(content["words"], start=2)}  # after <pad> and <unk>
    return Classifier(session, ids, content["max_length"], content["keep"])


def _session(data: bytes, threads: int = 0) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _quantized(path: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target = path.with_name("int8.onnx")
    quantize_dynamic(path, target, weight_type=QuantType.QInt8)
    return target


def _with_metadata(path: Path, content: dict[str, Any]) -> bytes:
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {KEY: json.dumps(content)})
    return model.SerializeToString()
