"""The model that comes with the package: small, trained on IMDB, and usable offline."""

from pathlib import Path

from lstm_tutorial.sentiment.runs import folders
from lstm_tutorial.sentiment.runs.folders import RECORD, VOCAB, WEIGHTS
from lstm_tutorial.sentiment.runs.pipeline import read_part
from lstm_tutorial.sentiment.runs.run import Run, load, measure, predict
from lstm_tutorial.sentiment.training.checkpoints import save_weights

SHIPPED = Path(__file__).parents[1] / "shipped"
SAMPLE = 2000


def load_pretrained() -> Run:
    """Read the small model that comes with the package, for ``runs.predict``; works offline."""
    return load(SHIPPED)


def ship(source: Path, target: Path, root: Path | None = None) -> dict[str, float]:
    """Halve a finished run's weights to float16, and measure the result on the test part.

    Args:
        target: new or empty folder for weights, vocabulary, and the record with ``shipped`` added.

    Returns:
        ``loss``, ``accuracy`` and ``n`` with the halved weights.

    Raises:
        ValueError: if the source contains no finished run, or the target is not free.
        OSError: if a file cannot be read or written.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ValueError(f"expected a new or an empty folder for the halved model, got {target}")
    run, record = load(source), folders.load_record(source)
    run.model.half().float()  # in place: the weights are rounded, the arithmetic is not
    measured = measure(run, "test", root)
    shipped = {"dtype": "float16", **measured, "sample_accuracy": sample_accuracy(run, root)}
    target.mkdir(parents=True, exist_ok=True)
    save_weights(run.model.half(), target / WEIGHTS)
    (target / VOCAB).write_bytes((source / VOCAB).read_bytes())
    folders.write_json(target / RECORD, record | {"shipped": shipped})
    return measured


def sample_accuracy(run: Run, root: Path | None = None) -> float:
    """Measure accuracy on SAMPLE test reviews, always the same, evenly spaced."""
    reviews = read_part("test", run.settings, root)
    reviews = reviews[:: max(1, len(reviews) // SAMPLE)][:SAMPLE]
    probabilities = predict(run, (review.text for review in reviews))
    right = [(p > 0.5) == review.label for p, review in zip(probabilities, reviews, strict=True)]
    return sum(right) / len(right)
