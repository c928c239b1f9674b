"""Command line: download the reviews, train a classifier, evaluate it, use it.

Heavy imports are inside the commands, so that ``--help`` answers at once. A command raises an
error; ``lines.py`` prints it in one line.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from lstm_tutorial.cli.lines import (
    OneLineErrors,
    answers,
    command_to_repeat,
    decode,
    open_lines,
    quiet,
    settings_of,
    use_preset,
)
from lstm_tutorial.cli.records import check_record, committed_records, compare_repeat
from lstm_tutorial.sentiment.runs.presets import PRESETS
from lstm_tutorial.sentiment.runs.pretraining_settings import PretrainingSettings as Language
from lstm_tutorial.sentiment.runs.settings import Corpus, Keep, Pooling, Precision, Settings

app = typer.Typer(
    cls=OneLineErrors,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Part = Literal["train", "validation", "test"]
Format = Literal["text", "csv", "jsonl"]
Study = Literal["mistakes", "remedies", "labels"]
Root = Annotated[
    Path | None,
    Option(help="IMDB: the folder aclImdb, its parent, or the archive. Default: the download."),
]


# Options that train and pretrain share.
Rate = Annotated[float, Option(help="Highest learning rate of the cycle, above 0.")]
Features = Annotated[int, Option(min=1, help="Features per word.")]
Units = Annotated[int, Option(min=1, help="Hidden features per direction.")]
Dropout = Annotated[float, Option(min=0, max=1, help="Rate for features.")]
Words = Annotated[int, Option(min=3, help="Most frequent words to know.")]
LeastCount = Annotated[int, Option(min=1, help="Drop words rarer than this.")]
TrainingPrecision = Annotated[Precision, Option(help="Of training; weights stay float32.")]
Seed = Annotated[int, Option(min=0, help="For weights, order and dropout.")]
Threads = Annotated[int | None, Option(min=1, max=1024, help="For torch; default: its own.")]
Resume = Annotated[bool, Option("--resume", help="Continue a stopped run.")]


@app.callback()
def start(
    debug: Annotated[bool, Option("--debug", help="Show where an error comes from.")] = False,
) -> None:
    """Train a bidirectional LSTM on film reviews, test it, and use it."""


@app.command()
def download(
    cache: Annotated[Path | None, Option(help="Folder for the reviews.")] = None,
) -> None:
    """Download IMDB and print where it is."""
    from lstm_tutorial.sentiment.data import imdb

    print(imdb.download(cache))


@app.command()
def train(
    context: typer.Context,
    run_dir: Annotated[Path, Argument(help="Folder for weights, vocabulary and record.")],
    preset: Annotated[
        str | None,
        Option(
            callback=use_preset,
            is_eager=True,
            help=f"Defaults for all other options: {', '.join(PRESETS)}.",
        ),
    ] = None,
    corpus: Annotated[Corpus, Option(help="The reviews to learn.")] = Settings.corpus,
    root: Root = None,
    pooling: Annotated[
        Pooling, Option(help="How outputs become one sentence vector.")
    ] = Settings.pooling,  # type: ignore[assignment]  # studies know one more
    epochs: Annotated[
        int, Option(min=1, help="Most passes over the training part.")
    ] = Settings.epochs,
    batch_size: Annotated[int, Option(min=1, help="Reviews per batch.")] = Settings.batch_size,
    lr: Rate = Settings.lr,
    embedding_dim: Features = Settings.embedding_dim,
    hidden_size: Units = Settings.hidden_size,
    num_layers: Annotated[int, Option(min=1, help="Stacked LSTM layers.")] = Settings.num_layers,
    dropout: Dropout = Settings.dropout,
    word_dropout: Annotated[
        float, Option(min=0, max=1, help="Rate for whole words.")
    ] = Settings.word_dropout,
    vocab_size: Words = Settings.vocab_size,
    min_freq: LeastCount = Settings.min_freq,
    max_length: Annotated[
        int, Option(min=1, help="Tokens of a review to read.")
    ] = Settings.max_length,
    keep: Annotated[Keep, Option(help="Which end of a longer review to read.")] = Settings.keep,
    ngrams: Annotated[
        int, Option(min=0, help="Length of the longest n-gram; 0: no n-grams.")
    ] = Settings.ngrams,
    bigrams: Annotated[
        int, Option(min=0, help="Rows for pairs of words; 0: no pairs.")
    ] = Settings.bigrams,
    ema: Annotated[
        float, Option(help="Average the weights over steps, with this decay, below 1.")
    ] = Settings.ema,
    precision: TrainingPrecision = Settings.precision,
    seed: Seed = Settings.seed,
    patience: Annotated[
        int, Option(min=1, help="Epochs without improvement to stop after.")
    ] = Settings.patience,
    validation_fraction: Annotated[
        float, Option(help="Share held out, or 0; below 1.")
    ] = Settings.validation_fraction,
    init: Annotated[
        str, Option(help="Folder of a language model to start from; give its sizes too.")
    ] = Settings.init,
    init_share: Annotated[
        float, Option(min=0, max=1, help="Share of the learning rate for what --init gives.")
    ] = Settings.init_share,
    labels: Annotated[
        int, Option(min=0, help="Training reviews that have a label; 0: all.")
    ] = Settings.labels,
    threads: Threads = None,
    resume: Resume = False,
    no_test: Annotated[bool, Option("--no-test", help="Leave the test part unread.")] = False,
) -> None:
    """Train a classifier into a run folder; with several processes if torchrun starts them."""
    import torch
    from tqdm import tqdm

    from lstm_tutorial.sentiment import runs

    torch.set_flush_denormal(True)  # gradients that fade through time are slow to compute with
    torch.set_num_threads(threads or torch.get_num_threads())
    settings, command = settings_of(context, Settings), command_to_repeat(context)
    is_first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun starts
    disable = None if is_first else True
    with tqdm(desc="batches", file=sys.stderr, disable=disable, leave=False) as bar:

        def show(epoch: dict) -> None:
            with tqdm.external_write_mode():  # hides the bar while the line is written
                line = EPOCH_LINE + VALIDATION * ("validation_loss" in epoch)
                print((line + ", {seconds:.0f} s").format(**epoch), flush=True)
            bar.reset()

        source = Path(init) if init else None
        hooks = {"on_start": bar.reset, "on_epoch": show, "on_batch": bar.update}
        record = runs.train(run_dir, settings, root, command, resume, not no_test, source, **hooks)
    if record["test"] and is_first:
        print("test accuracy {accuracy:.4f}, loss {loss:.4f}, {n} reviews".format(**record["test"]))


EPOCH_LINE = "epoch {epoch}: train loss {train_loss:.4f} accuracy {train_accuracy:.4f}"
VALIDATION = ", validation loss {validation_loss:.4f} accuracy {validation_accuracy:.4f}"


@app.command()
def pretrain(
    context: typer.Context,
    run_dir: Annotated[Path, Argument(help="Folder for weights, vocabulary and record.")],
    corpus: Annotated[Corpus, Option(help="The reviews to read.")] = Language.corpus,
    root: Root = None,
    epochs: Annotated[int, Option(min=1, help="Passes over the texts.")] = Language.epochs,
    batch_size: Annotated[
        int, Option(min=1, help="Columns read side by side.")
    ] = Language.batch_size,
    length: Annotated[int, Option(min=1, help="Steps per window.")] = Language.length,
    lr: Rate = Language.lr,
    embedding_dim: Features = Language.embedding_dim,
    hidden_size: Units = Language.hidden_size,
    dropout: Dropout = Language.dropout,
    vocab_size: Words = Language.vocab_size,
    min_freq: LeastCount = Language.min_freq,
    precision: TrainingPrecision = Language.precision,
    seed: Seed = Language.seed,
    validation_fraction: Annotated[
        float, Option(help="Share held out, above 0 and below 1.")
    ] = Language.validation_fraction,
    threads: Threads = None,
    resume: Resume = False,
) -> None:
    """Train a language model on the training texts, without their labels."""
    import torch

    from lstm_tutorial._machine import peak_memory_mib
    from lstm_tutorial.sentiment.runs import pretraining
    from lstm_tutorial.sentiment.training.pretraining import PARTS, perplexity

    torch.set_flush_denormal(True)
    torch.set_num_threads(threads or torch.get_num_threads())

    def show(part: dict) -> None:
        line = "epoch {epoch} part {part}/{parts}: train perplexity {train:.1f}"
        line += ", {speed:.0f} tokens/s, {memory} MiB"
        speed, now = part["tokens"] / part["seconds"], perplexity(part["train_loss"])
        memory = peak_memory_mib()
        print(line.format(**part, parts=PARTS, train=now, speed=speed, memory=memory), flush=True)
        if losses := part.get("validation_losses"):
            found = " and ".join(f"{perplexity(loss):.2f}" for loss in losses)
            print(f"epoch {part['epoch']}: validation perplexity {found} (reverse)", flush=True)

    settings = settings_of(context, Language)
    pretraining.pretrain(run_dir, settings, root, command_to_repeat(context), resume, show)


@app.command()
def probe(
    path: Annotated[Path, Argument(help="JSON file for the record.")],
    run_dir: Annotated[Path, Argument(help="Folder of a finished language model.")],
    root: Root = None,
    seed: Annotated[int, Option(min=0, help="For the reviews whose labels are used.")] = 0,
) -> None:
    """Measure a language model: perplexities beside n-grams, its sentiment unit, copies."""
    from lstm_tutorial.sentiment.runs import folders, pretraining
    from lstm_tutorial.sentiment.studies import language

    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is not a folder: create it first")
    if path.exists() and "perplexities" not in folders.read_json(path):
        raise ValueError(f"expected a new file or the record of a language model, got {path}")
    words = ["python -m lstm_tutorial probe", shlex.quote(path.name)]
    words += [shlex.quote(run_dir.resolve().name)] + ['--root "$IMDB_ARCHIVE"'] * (root is not None)
    words += [f"--seed {seed}"] * (seed > 0)
    record = {"command": " ".join(words), **language.probe(pretraining.load(run_dir), root, seed)}
    folders.write_json(path, record)
    for name, found in record["perplexities"].items():
        print(f"{name}: validation perplexity {found:.2f}")


@app.command()
def evaluate(
    run_dir: Annotated[Path, Argument(help="Folder of a finished run.")],
    root: Root = None,
    split: Annotated[Part, Option(help="Which part of the run's corpus.")] = "test",
) -> None:
    """Measure a run on a part of its corpus."""
    from lstm_tutorial.sentiment import runs

    measured = runs.measure(runs.load(run_dir), split, root)
    print(f"{split} " + "accuracy {accuracy:.4f}, loss {loss:.4f}, {n} reviews".format(**measured))


@app.command()
def ablate(
    path: Annotated[Path, Argument(help="JSON file for the record.")],
    root: Root = None,
    study: Annotated[Study, Option(help="What to change.")] = "mistakes",
    seed: Seed = 0,
    init: Annotated[
        Path | None, Option(help="Folder of a language model, for the study labels.")
    ] = None,
    threads: Threads = None,
) -> None:
    """Train and test the classifier with one thing changed at a time; resume a stopped study."""
    import torch

    from lstm_tutorial.sentiment.runs import folders
    from lstm_tutorial.sentiment.studies import ablation

    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is not a folder: create it first")
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads or torch.get_num_threads())
    before = ablation.load_results(path, seed, study)
    line = "{name}: test accuracy {test_accuracy:.4f}, {seconds:.0f} s"

    def keep(record: dict) -> None:
        folders.write_json(path, record)
        print(line.format(**record["results"][-1]), flush=True)

    ablation.run(seed, root, study, before, init, keep)


@app.command()
def analyse(
    path: Annotated[Path, Argument(help="JSON file for the record.")],
    root: Root = None,
    run: Annotated[
        list[Path] | None, Option(help="Folder of a finished run; may be repeated.")
    ] = None,
) -> None:
    """Compare runs with linear models: by length, rating and phenomenon, and in calibration.

    A run whose folder is gone keeps the findings that the record at PATH has on it.
    """
    from lstm_tutorial.sentiment import runs
    from lstm_tutorial.sentiment.runs import folders, pretrained
    from lstm_tutorial.sentiment.studies import analysis

    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is not a folder: create it first")
    before = folders.read_json(path) if path.exists() else {"classifiers": {}}
    if "classifiers" not in before:
        raise ValueError(f"expected a new file or the record of an analysis, got {path}")
    named = {"shipped": pretrained.load_pretrained()}
    kept: list[str] = []
    for one in run or []:
        if (name := one.resolve().name) in (*named, *kept):
            raise ValueError(f"expected runs in folders of different names, got {name} twice")
        if name in before["classifiers"] and not one.exists():
            kept.append(name)
        else:
            named[name] = runs.load(one)
    words = ["python -m lstm_tutorial analyse", shlex.quote(path.name)]
    words += ['--root "$IMDB_ARCHIVE"'] if root else []
    words += [f"--run {shlex.quote(one.resolve().name)}" for one in run or []]
    record = {"command": " ".join(words), **analysis.analyse(named, root, before, kept)}
    folders.write_json(path, record)
    for name, found in record["classifiers"].items():
        print(f"{name}: test accuracy {found['accuracy']:.4f}" + ", kept" * (name in kept))


@app.command()
def records(
    paths: Annotated[
        list[Path] | None, Argument(help="JSON files; default: those that the book reads.")
    ] = None,
) -> None:
    """List and verify records: complete, repeatable by their command."""
    for path in paths or committed_records():
        print(f"{path}: {check_record(path, app)}")
        if paths:
            print(f"  {compare_repeat(path)}")


@app.command()
def ship(
    run_dir: Annotated[Path, Argument(help="Folder of a finished run.")],
    target: Annotated[Path, Argument(help="Folder for the halved model.")],
    root: Root = None,
) -> None:
    """Halve a run's weights for distribution, and test the result."""
    from lstm_tutorial.sentiment.runs import pretrained

    measured = pretrained.ship(run_dir, target, root)
    print("test accuracy {accuracy:.4f}, loss {loss:.4f}, {n} reviews".format(**measured))


@app.command()
def export(
    run_dir: Annotated[Path, Argument(help="Folder of a finished run.")],
    path: Annotated[Path, Argument(help="ONNX file to write.")],
    quantize: Annotated[bool, Option("--quantize", help="Store the weights in 8 bits.")] = False,
) -> None:
    """Export a run's classifier as one ONNX file, with its vocabulary and a test vector."""
    from lstm_tutorial.sentiment.runs import exported

    with quiet():
        difference = exported.export(run_dir, path, quantize)
    before = " before quantization" if quantize else ""
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    print(f"{path}: {size}, logits within {difference:.0e} of the run's{before}")


@app.command()
def predict(
    text: Annotated[
        str | None, Argument(help="A review; default: one per line from stdin.")
    ] = None,
    run: Annotated[
        Path | None, Option(help="Folder of a finished run; default: the model of the package.")
    ] = None,
    onnx: Annotated[
        Path | None, Option(help="File that `export` wrote: answers without torch.")
    ] = None,
    file: Annotated[Path | None, Option(help="File with one review per line.")] = None,
    format: Annotated[Format, Option(help="How to print the answers.")] = "text",
) -> None:
    """Print label and probability of reviews."""
    from tqdm import tqdm

    if text is not None and file is not None:
        raise ValueError("expected a review or --file, got both: leave one out")
    if text is not None and len(text.split()) == 1 and Path(text).is_file():
        raise ValueError(f"expected a review, got the name of a file: use --file {text}")
    if run is not None and onnx is not None:
        raise ValueError("expected --run or --onnx, got both: leave one out")
    classify = classifier_of(run, onnx)
    with open_lines(text, file) as lines:
        probabilities = classify(decode(lines))
        bar = tqdm(probabilities, "reviews", file=sys.stderr, disable=None, leave=False, delay=1)
        for answer in answers(bar, format):
            print(answer)


def classifier_of(
    run: Path | None, onnx: Path | None
) -> Callable[[Iterable[str]], Iterator[float]]:
    """Load what answers: a run, an exported file, or the model of the package."""
    if onnx is not None:
        from lstm_tutorial.sentiment.runs import exported

        return partial(exported.predict, exported.load(onnx))
    from lstm_tutorial.sentiment import runs
    from lstm_tutorial.sentiment.runs import pretrained

    return partial(runs.predict, runs.load(run) if run else pretrained.load_pretrained())


def whole_numbers(text: str) -> list[int]:
    """Read numbers separated by commas."""
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        wanted = "whole numbers separated by commas, such as 32,10,128"
        raise typer.BadParameter(f"expected {wanted}, got {text!r}.") from None


@app.command()
def describe(
    input_size: Annotated[int, Argument(help="Features per step, H_in.")],
    hidden_size: Annotated[int, Argument(help="Features of the cell state, H_cell.")],
    input: Annotated[str, Option(help="Shape of the input, such as 10,32,128.")],
    lengths: Annotated[str | None, Option(help="Lengths of the sequences, to pack them.")] = None,
    num_layers: Annotated[int, Option(help="Stacked LSTM layers.")] = 1,
    bias: Annotated[bool, Option(help="Whether there are biases.")] = True,
    batch_first: Annotated[bool, Option("--batch-first", help="Batch before time.")] = False,
    bidirectional: Annotated[bool, Option("--bidirectional", help="Read backwards too.")] = False,
    proj_size: Annotated[int, Option(help="Features that h is projected to.")] = 0,
) -> None:
    """Print every shape and count of an LSTM."""
    from torch import nn

    from lstm_tutorial.describe import describe as describe_module

    options = {"num_layers": num_layers, "bias": bias, "batch_first": batch_first}
    options |= {"bidirectional": bidirectional, "proj_size": proj_size}
    shape = whole_numbers(input)
    try:
        module = nn.LSTM(input_size, hidden_size, **options, device="meta")  # takes no memory
        steps = None if lengths is None else whole_numbers(lengths)
        print(describe_module(module, shape, steps))
    except (LookupError, TypeError) as error:  # torch's words for some wrong shapes
        raise ValueError(str(error)) from error
