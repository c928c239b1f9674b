"""The grammar of names: its sentences fit its probabilities, and its own answers are the best."""

import torch

from lstm_tutorial.tasks.tagging import (
    FOLLOWS,
    START,
    TAGS,
    WORDS,
    broken,
    exact_crf,
    exact_scores,
    make_sentences,
)


def test_sentences_are_padded_and_depend_on_the_seed_only():
    words, tags, lengths = make_sentences(300, seed=0)
    padding = torch.arange(words.size(1)) >= lengths[:, None]
    assert torch.equal(words == 0, padding)
    assert torch.equal(tags == -100, padding)
    assert int(words.max()) == WORDS - 1
    assert {int(lengths.min()), int(lengths.max())} == {4, words.size(1)}
    torch.manual_seed(7)
    assert torch.equal(make_sentences(300, seed=0)[0], words)
    assert not torch.equal(make_sentences(300, seed=1)[0], words)


def test_probabilities_add_up_and_are_those_of_the_sentences():
    words, tags, _ = make_sentences(20_000, seed=1)
    torch.testing.assert_close(FOLLOWS.sum(1), torch.ones(5, dtype=torch.float64))
    first = tags[:, 0].bincount(minlength=5) / len(tags)
    torch.testing.assert_close(first, START.float(), rtol=0, atol=0.02)
    before, after = tags[:, 0], tags[:, 1]
    for tag in (0, 1, 3):
        share = after[before == tag].bincount(minlength=5) / (before == tag).sum()
        torch.testing.assert_close(share, FOLLOWS[tag].float(), rtol=0, atol=0.03)
    told = exact_scores(words[:, :1])[:, 0].exp().gather(1, before[:, None]).squeeze(1)
    share = words[before == 1, 0].bincount(minlength=WORDS) / (before == 1).sum()
    for word in (1, 7, 13):
        assert abs(share[word] - told[(before == 1) & (words[:, 0] == word)][0]) < 0.03


def test_scores_of_all_words_add_up_for_each_tag():
    every = exact_scores(torch.arange(WORDS)[None])[0, 1:].exp().sum(0)
    torch.testing.assert_close(every, torch.ones(5, dtype=torch.float64))
    assert not exact_scores(torch.zeros(1, 1, dtype=torch.int64)).any()


def test_broken_finds_what_the_grammar_never_says():
    number = {tag: k for k, tag in enumerate(TAGS)}
    said = {"O B-PER I-PER": False, "B-PER B-PER O": False, "O I-PER O": True, "I-ORG O O": True}
    said |= {"B-ORG I-PER O": True, "B-PER I-PER I-ORG": True}
    tags = torch.tensor([[number[tag] for tag in sentence.split()] for sentence in said])
    assert broken(tags).tolist() == list(said.values())
    assert not broken(torch.tensor([[0, -100, -100], [1, 2, -100]])).any()
    assert not broken(make_sentences(500, seed=2)[1]).any()


def test_its_own_best_path_is_whole_and_right_more_often_than_the_best_tags():
    words, tags, lengths = make_sentences(2000, seed=3)
    crf, scores = exact_crf(), exact_scores(words)
    path, _ = crf.viterbi(scores, lengths)
    single = crf.marginals(scores, lengths).argmax(2).masked_fill(tags < 0, -100)
    assert not broken(path).any()
    assert broken(single).float().mean() > 0.1
    whole = [(guess == tags).all(1).float().mean() for guess in (path, single)]
    assert whole[0] > whole[1] + 0.02
