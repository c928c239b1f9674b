"""The model that comes with the package: small, trained on IMDB, and at hand without a network."""

from pathlib import Path

from lstm_tutorial.sentiment.runs import folders
from lstm_tutorial.sentiment.runs.folders import RECORD, VOCAB, WEIGHTS
from lstm_tutorial.sentiment.runs.pipeline import read_part
from lstm_tutorial.sentiment.runs.run import Run, load, measure, predict
from lstm_tutorial.sentiment.training.checkpoints import save_weights

SHIPPED = Path(__file__).parents[1] / "shipped"
SAMPLE = 2000


def load_pretrained() -> Run:
    """Read the small model that comes with the package; no network is needed.

    Returns:
        The model in evaluation mode, its vocabulary and its settings, for ``runs.predict``.
    """
    return load(SHIPPED)


def ship(source: Path, target: Path, root: Path | None = None) -> dict[str, float]:
    """Halve a finished run's weights, and measure what is left.

    Args:
        source: folder of a finished run.
        target: folder for weights in float16, vocabulary and record; made if missing, else empty.
        root: where IMDB lies; None for the cached download.

    Returns:
        ``loss``, ``accuracy`` and ``n`` on the test part with the halved weights; they also go into
        the record, as ``shipped``.

    Raises:
        ValueError: if the source holds no finished run, or the target is not free.
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
    """Measure a run on the same SAMPLE test reviews every time, evenly spread over the part.

    Args:
        run: from ``runs.load``.
        root: where IMDB lies; None for the cached download.

    Returns:
        The share that is classified rightly.
    """
    reviews = read_part("test", run.settings, root)
    reviews = reviews[:: max(1, len(reviews) // SAMPLE)][:SAMPLE]
    probabilities = predict(run, (review.text for review in reviews))
    right = [(p > 0.5) == review.label for p, review in zip(probabilities, reviews, strict=True)]
    return sum(right) / len(right)
