"""What readers type into the search, and the page and anchor that have to come first."""

SEARCHES = {
    "NaN loss": "questions#the-loss-is-nan",
    "exploding gradients": "questions#exploding-gradients-where-do-i-clip-and-at-what-norm",
    "clip": "questions#exploding-gradients-where-do-i-clip-and-at-what-norm",
    "gradient clipping": "questions#exploding-gradients-where-do-i-clip-and-at-what-norm",
    "reproducible": "questions#why-are-my-results-not-reproducible-with-all-seeds-set",
    "seq2seq": "questions#how-do-i-build-an-encoder-and-a-decoder-seq2seq-with-attention",
    "encoder decoder": "questions#how-do-i-build-an-encoder-and-a-decoder-seq2seq-with-attention",
    "attention mask": "questions#how-do-i-write-an-attention-mask-and-why-is-the-result-nan",
    "teacher forcing": "questions#what-is-teacher-forcing",
    "beam search": "questions#greedy-or-beam-search-is-my-beam-search-right",
    "bidirectional encoder to decoder": (
        "questions#bidirectional-encoder-to-decoder-which-rows-of-h-n"
    ),
}
