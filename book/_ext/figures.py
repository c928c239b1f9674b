"""The interactive figures: their scripts on the pages that contain them, and the model of one."""

import base64
import gzip
import json
import re
from functools import cache
from html import escape, unescape
from itertools import chain
from pathlib import Path
from typing import Any

import drawings
import reader
from safetensors.numpy import load_file
from sphinx.application import Sphinx

from lstm_tutorial.sentiment import load_pretrained, runs
from lstm_tutorial.sentiment.runs import pretrained
from lstm_tutorial.sentiment.studies import evidence

SCRIPTS = {
    "lstm-cell": ["lstm-drawing.js", "lstm-player.js", "lstm-cell.js"],
    "lstm-reader": ["lstm-drawing.js", "lstm-player.js", "lstm-review-model.js", "lstm-reader.js"],
    'ul class="lstm-equations"': ["lstm-drawing.js"],
    "lstm-shapes": ["lstm-block.js", "lstm-shapes.js"],
    "lstm-packing": ["lstm-packing.js"],
    "lstm-review": ["lstm-review-model.js", "lstm-review.js"],
}
MODEL = "shipped-model.js"


@cache
def model_script() -> str:
    """Write the shipped model as JavaScript, because a page opened from disk may not fetch.

    It sets ``LSTM_SHIPPED``: sizes, words from id 2 on, weights as base64.

    Raises:
        ValueError: if ``lstm-review-model.js`` cannot compute the shipped model.
    """
    settings = json.loads((pretrained.SHIPPED / "run.json").read_text())["configuration"]
    wanted = {"pooling": "max", "num_layers": 1, "keep": "head"}
    tensors = load_file(pretrained.SHIPPED / "weights.safetensors")
    if {key: settings[key] for key in wanted} != wanted or "embedding.weight" not in tensors:
        raise ValueError(f"lstm-review-model.js computes {wanted}, got {settings}: extend it")
    vocab = json.loads((pretrained.SHIPPED / "vocab.json").read_text(encoding="utf-8"))
    content = {
        "sizes": {
            "E": settings["embedding_dim"],
            "H": settings["hidden_size"],
            "maxLength": settings["max_length"],
        },
        "words": [word for word, _ in vocab["words"]],
        "weights": {
            name: base64.b64encode(tensor.astype("<f2").tobytes()).decode()
            for name, tensor in tensors.items()
        },
    }
    return f"window.LSTM_SHIPPED = {json.dumps(content, separators=(',', ':'))};\n"


def still_picture(text: str) -> str:
    """Read a sentence with the shipped model, as HTML for readers without scripts."""
    run = load_pretrained()
    (probability,) = runs.predict(run, [text])
    rows = "".join(
        f'<tr><th scope="row">{escape(token)}</th><td>{value:+.2f}</td></tr>'.replace("-", "−")
        for token, value in zip(*evidence.occlusion(run, text), strict=True)
    )
    return (
        f"<p>“{escape(text)}” is positive with probability {probability:.2f}.</p>"
        "<table><caption>What each word adds to the logit</caption>"
        '<thead><tr><th scope="col">word</th><th scope="col">adds</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def weight() -> str:
    """Return attributes with the model's size in bytes, plain and compressed."""
    script = model_script().encode()
    return f'data-bytes="{len(script)}" data-gzip="{len(gzip.compress(script))}"'


def complete_review(found: re.Match[str]) -> str:
    """Fill ``<lstm-review text="...">`` with the model's size and a still picture."""
    return f'<lstm-review text="{found[1]}" {weight()}>{still_picture(unescape(found[1]))}'


def complete_reader(found: re.Match[str]) -> str:
    """Fill ``<lstm-reader text="...">`` with its numbers and pictures, and the model's size."""
    return reader.complete(found).replace("<lstm-reader", f"<lstm-reader {weight()}", 1)


COMPLETIONS = {
    r"<lstm-cell>": drawings.complete_cell,
    r'<lstm-reader text="([^"]*)">': complete_reader,
    r'<lstm-review text="([^"]*)">': complete_review,
}


def add_figures(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Load the scripts of the elements that a page contains, and no others."""
    body = context.get("body", "")
    wanted = [scripts for element, scripts in SCRIPTS.items() if f"<{element}" in body]
    for script in dict.fromkeys(chain.from_iterable(wanted)):
        app.add_js_file(script, loading_method="defer")
    for tag, complete in COMPLETIONS.items():
        body = re.sub(tag, complete, body)
    context["body"] = body


def write_model(app: Sphinx, error: Exception | None) -> None:
    """Write the model beside the other scripts after an HTML build."""
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / "_static" / MODEL).write_text(model_script(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the figures to Sphinx."""
    app.connect("html-page-context", add_figures)
    app.connect("build-finished", write_model)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
