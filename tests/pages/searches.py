"""What readers type into the search, and the page and anchor that have to come first."""

SEARCHES = {
    "NaN loss": "questions#the-loss-is-nan",
    "exploding gradients": "questions#exploding-gradients-where-do-i-clip-and-at-what-norm",
    "clip": "questions#exploding-gradients-where-do-i-clip-and-at-what-norm",
    "gradient clipping": "questions#exploding-gradients-where-do-i-clip-and-at-what-norm",
    "reproducible": "questions#why-are-my-results-not-reproducible-with-all-seeds-set",
}
