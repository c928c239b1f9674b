"""What proves the quiz of the chapter on language models."""

import math

import torch

from lstm_tutorial.sentiment.models.kneser_ney import KneserNey
from lstm_tutorial.sentiment.models.language import LanguageModel
from lstm_tutorial.sentiment.models.sampling import restrict
from tests.book.quizzes import proves


@proves("quiz-language-average")
def perplexity_of_two_windows(choice: str) -> bool:
    losses = torch.cat([torch.full((35,), 1.0), torch.full((35,), 3.0)])
    return math.isclose(losses.mean().exp().item(), float(choice), rel_tol=1e-3)


@proves("quiz-language-vocabulary")
def smaller_vocabulary_by_itself(choice: str) -> bool:
    ids = torch.randint(2, 200, (5_000,))  # no word tells anything about the next
    losses = []
    for size in (200, 50):
        known = torch.where(ids < size, ids, 1).numpy()
        losses.append(-KneserNey(known, size, 1).log_probabilities(known).mean())
    fell_without_learning = bool(losses[1] < losses[0])  # so a fall says nothing of the model
    return fell_without_learning and choice == "That does not follow"


@proves("quiz-language-top-k")
def one_word_to_draw_from(choice: str) -> bool:
    logits = torch.randn(4, 30)
    found = {
        "greedy": torch.nn.functional.one_hot(logits.argmax(1), 30).float(),
        "temperature 1": restrict(logits, temperature=1.0),
        "nucleus with p = 1": restrict(logits, top_p=1.0),
    }
    return torch.equal(restrict(logits, top_k=1), found[choice])


@proves("quiz-language-forgotten")
def known_without_a_state(choice: str) -> bool:
    model = LanguageModel(20, 8, 8).eval()
    texts = torch.randint(20, (6, 2))
    texts[-1] = 3  # two texts with the same last word
    alone, _ = model(texts[-1:])
    whole, _ = model(texts)
    same = [torch.allclose(rows[-1, 0], rows[-1, 1]) for rows in (alone, whole)]
    found = {(True, False): "One word", (False, False): "The whole text: the module remembers it"}
    return found[tuple(same)] == choice
