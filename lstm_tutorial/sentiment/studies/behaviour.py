"""A behavioural test suite: short sentences, grouped by linguistic phenomenon.

A sentiment classifier should get them right. ``SENTENCES`` have the label that a reader gives them.
``PAIRS`` judge the film twice in the same way: a name is exchanged, or a neutral remark is added,
and the answer should not change.
"""

from collections.abc import Callable, Iterable, Sequence

SENTENCES: dict[str, dict[int, tuple[str, ...]]] = {
    "negation": {
        1: (
            "The plot is not boring at all.",
            "I was not disappointed for a single minute.",
            "There is nothing wrong with this film.",
            "Nobody in this cast gives a bad performance.",
            "You will not regret buying a ticket.",
            "It never gets tedious, and it never loses its way.",
            "I can't find a single weak scene in it.",
            "This is not one of those stupid comedies.",
            "It isn't slow, it isn't silly, and it isn't a waste of time.",
            "Don't believe those who call it dull.",
        ),
        0: (
            "The plot is not interesting at all.",
            "I was not moved for a single minute.",
            "There is nothing good in this film.",
            "Nobody in this cast gives a good performance.",
            "You will not enjoy a second of it.",
            "It never becomes funny, and it never becomes exciting.",
            "I can't find a single great scene in it.",
            "This is not one of those brilliant comedies.",
            "It isn't funny, it isn't clever, and it isn't worth your time.",
            "Don't believe those who call it a masterpiece.",
        ),
    },
    "contrast": {
        1: (
            "The beginning is slow, but the rest is wonderful.",
            "Although the script has its weaknesses, I loved every minute.",
            "The effects look cheap, yet the story is so good that I forgot them.",
            "I expected a terrible film and found a great one.",
            "Despite an awful title, this is an excellent film.",
            "The critics hated it; I think it is superb.",
            "Its first half bored me, and then it became one of the best films of the year.",
            "The acting is uneven, but in the end the film is beautiful and moving.",
            "Some jokes are bad; all in all it is a delight.",
            "For all its faults, I recommend it warmly.",
        ),
        0: (
            "The beginning is wonderful, but the rest is dull.",
            "Although the script has its strengths, I hated every minute.",
            "The effects look great, yet the story is so bad that I left.",
            "I expected a great film and found a terrible one.",
            "Despite an excellent title, this is an awful film.",
            "The critics loved it; I think it is rubbish.",
            "Its first half thrilled me, and then it became one of the worst films of the year.",
            "The acting is fine, but in the end the film is ugly and boring.",
            "Some jokes are good; all in all it is a mess.",
            "For all its beauty, I can't recommend it.",
        ),
    },
    "intensity": {
        1: (
            "An extremely good film.",
            "Really very funny.",
            "The acting is quite good.",
            "A fairly entertaining evening.",
            "So much better than I had hoped.",
            "Incredibly moving from start to end.",
            "Rather charming, on the whole.",
            "It is simply perfect.",
            "A small, modest, likeable film.",
            "By far the best film that I have seen this year.",
        ),
        0: (
            "An extremely bad film.",
            "Really very annoying.",
            "The acting is quite poor.",
            "A fairly tiresome evening.",
            "So much worse than I had feared.",
            "Incredibly stupid from start to end.",
            "Rather pointless, on the whole.",
            "It is simply unwatchable.",
            "A small, lazy, forgettable film.",
            "By far the worst film that I have seen this year.",
        ),
    },
    "sarcasm": {
        1: (
            "If you hate laughing, stay away from this one.",
            "Warning: you may miss your last train because you want to see it again.",
            "My only complaint is that it had to end.",
            "It ruined all other thrillers for me, because none will ever be as good.",
            "Sadly there are only two hours of it.",
            "A terrible choice for anyone who planned to sleep.",
            "It robbed me of ninety minutes, and I would gladly be robbed again.",
            "I blame the director for my wet handkerchief and my happy evening.",
            "Careful: it may give you back your faith in comedies.",
            "The worst thing about it is the wait for the sequel.",
        ),
        0: (
            "What a great way to waste two hours of my life.",
            "Oh, wonderful, another sequel that nobody asked for.",
            "The best part was when the credits rolled.",
            "If you suffer from insomnia, this film is the perfect cure.",
            "Congratulations to the director for making explosions boring.",
            "I especially enjoyed the moment when the projector broke.",
            "A masterpiece, if you are four years old and asleep.",
            "My favourite character was the exit sign.",
            "Watching paint dry has found a worthy rival.",
            "Bravo, I did not think that a comedy could get by without one joke.",
        ),
    },
    "comparison": {
        1: (
            "It is better than most films of its kind.",
            "Much funnier than the first part.",
            "Next to this, the remake looks poor.",
            "I liked it more than the book.",
            "No thriller since has been as gripping as this one.",
            "The original was dull; this one is not.",
            "Fewer clichés and more heart than its rivals.",
            "Unlike the awful sequel, this film has wit and charm.",
            "It makes other war films look shallow.",
            "Few comedies are as clever as this.",
        ),
        0: (
            "It is worse than most films of its kind.",
            "Much less funny than the first part.",
            "Next to the original, this looks poor.",
            "I liked the book, and not the film.",
            "Every thriller since has been more gripping than this one.",
            "The original was brilliant; this one is not.",
            "More clichés and less heart than its rivals.",
            "Unlike the wonderful sequel, this film has no wit and no charm.",
            "Other war films make this one look shallow.",
            "Few comedies are as stupid as this.",
        ),
    },
    "question": {
        1: (
            "Why did nobody tell me how good this is?",
            "How can a first film be so perfect?",
            "Have you ever seen such wonderful acting?",
            "When did you last laugh this much in a cinema?",
            "Is there a more beautiful film? I doubt it.",
            "Who could resist such a charming story?",
            "Why isn't this brilliant film better known?",
            "Could it be any better? I don't think so.",
            "What more can one ask of a comedy?",
            "Would I see it again? Yes, tomorrow.",
        ),
        0: (
            "Why did nobody tell me how bad this is?",
            "How can a famous director be so clueless?",
            "Have you ever seen such wooden acting?",
            "Was there a script at all?",
            "Is there a more boring film? I doubt it.",
            "Who pays money for such garbage?",
            "Why is this terrible film so well known?",
            "Could it be any worse? I don't think so.",
            "What were they thinking?",
            "Would I see it again? No, never.",
        ),
    },
}

PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "names swapped": (
        ("Anna Berg is wonderful as the doctor.", "Carla Ruiz is wonderful as the doctor."),
        ("I hated what Tom Hale did with it.", "I hated what Omar Aziz did with it."),
        ("A great evening in Berlin.", "A great evening in Lagos."),
        ("Peter Novak wrote a dull script.", "Mei Tanaka wrote a dull script."),
        ("The French cast is superb.", "The Korean cast is superb."),
        ("It bored the whole of London.", "It bored the whole of Lima."),
        ("Mary has a poorly written part.", "Fatima has a poorly written part."),
        ("The best film from Poland in years.", "The best film from Kenya in years."),
        ("John's jokes are awful.", "Ravi's jokes are awful."),
        ("Sophie Klein plays beautifully.", "Adaeze Obi plays beautifully."),
        ("Mark made a dreadful bore of it.", "Mohammed made a dreadful bore of it."),
        ("I admire everything by Laura Stein.", "I admire everything by Leila Haddad."),
        ("It is set in Paris, and it is lovely.", "It is set in Tehran, and it is lovely."),
        (
            "The sheriff is called Bill; the film is bad.",
            "The sheriff is called Li; the film is bad.",
        ),
        ("Emma gives the performance of the year.", "Priya gives the performance of the year."),
        ("Even David could not save it.", "Even Davide could not save it."),
        ("An American story, told well.", "A Turkish story, told well."),
        ("Nothing in Robert's film works.", "Nothing in Roberta's film works."),
        ("The actor from Ohio is a joy to watch.", "The actor from Hanoi is a joy to watch."),
        ("Grace wrote its silly ending.", "Giorgos wrote its silly ending."),
    ),
    "neutral addition": (
        ("A superb film.", "A superb film. We saw it on a Tuesday."),
        ("It is a boring film.", "It is a boring film. It lasts 104 minutes."),
        ("I loved it.", "My sister sat to my left. I loved it."),
        ("A complete waste of time.", "The cinema is near the station. A complete waste of time."),
        ("The acting is excellent.", "The acting is excellent. The film is in colour."),
        ("The dialogue is stupid.", "It was shot in Spain. The dialogue is stupid."),
        ("Very funny.", "Very funny. The story is set in the year 1950."),
        ("An awful mess.", "An awful mess. There were twelve of us in the room."),
        ("A touching story.", "The film has two parts. A touching story."),
        ("The worst sequel ever.", "The worst sequel ever. I had the seat by the door."),
        ("Gripping from start to end.", "It was raining. Gripping from start to end."),
        ("I want my money back.", "I want my money back. The ticket was blue."),
        ("What a lovely film.", "What a lovely film. It has subtitles."),
        ("Poorly acted.", "Poorly acted. The hall has a red curtain."),
        ("I recommend it.", "I recommend it. I came by bus."),
        ("I fell asleep.", "The film opened in March. I fell asleep."),
        ("A brilliant script.", "A brilliant script. The hero wears a hat."),
        ("So predictable.", "So predictable. There is a dog in it."),
        ("Beautifully filmed.", "Two brothers share a flat. Beautifully filmed."),
        ("A cheap and ugly remake.", "A cheap and ugly remake. We sat in row nine."),
    ),
}


def count() -> int:
    """Count the sentences: those with a label, and both of each pair."""
    labelled = sum(len(texts) for by_label in SENTENCES.values() for texts in by_label.values())
    return labelled + sum(2 * len(pairs) for pairs in PAIRS.values())


def pass_rates(
    classify: Callable[[Sequence[str]], Iterable[bool]],
) -> dict[str, dict[str, int]]:
    """Test a classifier on all sentences.

    Args:
        classify: tells for each text whether it is positive.

    Returns:
        For each phenomenon ``passed`` and ``n``. A sentence passes with the right label, a pair if
        both sentences get the same label.
    """
    rates = {}
    for phenomenon, by_label in SENTENCES.items():
        texts = [text for texts in by_label.values() for text in texts]
        labels = [label for label, texts in by_label.items() for _ in texts]
        right = [
            bool(answer) == bool(label)
            for answer, label in zip(classify(texts), labels, strict=True)
        ]
        rates[phenomenon] = {"passed": sum(right), "n": len(right)}
    for phenomenon, pairs in PAIRS.items():
        answers = [list(classify(side)) for side in zip(*pairs, strict=True)]
        same = [bool(one) == bool(other) for one, other in zip(*answers, strict=True)]
        rates[phenomenon] = {"passed": sum(same), "n": len(same)}
    return rates
