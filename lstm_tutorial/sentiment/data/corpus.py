"""The built-in corpus: a small grammar that writes film reviews in which word order matters.

Labels: every review has exactly one sentence that judges the film under review, as a whole or one
part of it; the label is 1 if that sentence praises and 0 if it blames. Words of the opposite
sentiment near the verdict are negated, conceded, outweighed, or refer to another person's opinion
or another film. All other sentences describe the evening and judge nothing.

Reviews are written in pairs, one of each label, from the same draws. The two differ only in the
judging sentence and, unless its phenomenon is ``"plain"``, contain **the same words** in a
different order: "The film is moving, although the plot is dull" and "The film is dull, although the
plot is moving". A model that ignores word order must get one review of each pair wrong. In plain
reviews, two in nine, the words themselves decide.
"""

# ruff: noqa: SIM905 (words read better as text than as lists)

import random
import re
from typing import NamedTuple

from lstm_tutorial.sentiment.data.review import Review

# None of these begins with a vowel, so "a" is the article for all of them.
PRAISE = (
    "superb moving funny gripping clever charming brilliant fresh sincere warm sharp poetic witty "
    "thrilling tender bold touching delightful playful vivid graceful rich lively masterful"
).split()
BLAME = (
    "dull clumsy boring tedious shallow predictable lazy wooden messy lifeless bland silly "
    "tiresome hollow stale sloppy pointless confused dreary forced flat careless weak vulgar"
).split()
ASPECTS = (
    "plot script cast acting dialogue soundtrack camera ending pace humour story lead villain "
    "editing direction score romance opening finale mystery staging singing dancing lighting"
).split()

# The grammar of the judging sentence: {yes} is what it says, {no} is of the opposite sense, {a} and
# {b} are aspects of the film. To reverse a verdict, a single template exchanges {yes} and {no};
# of two joined by a bar, each says with the same words what the other denies.
TEMPLATES = {
    "negation": (
        "It is not true, as I had read before, that the {a} is {no}."
        "|It is true, as I had not read before, that the {a} is {yes}.",
        "I would not say that the {a} is {no}, and I have seen it twice."
        "|I would say that the {a} is {yes}, and I have not seen it twice.",
        "Nobody in the room found the {a} {no}, and everybody took the bus home."
        "|Everybody in the room found the {a} {yes}, and nobody took the bus home.",
        "The {a} was never {no}, and I always sit in the first row."
        "|The {a} was always {yes}, and I never sit in the first row.",
        "I do not think, whatever the papers may say, that the {a} of this film is {no}."
        "|I do think, whatever the papers may not say, that the {a} of this film is {yes}.",
        "{yes}, not {no}.",
        "It is not a {no} film but a {yes} one.",
    ),
    "concession": (
        "Although the {a} is {no}, the film is {yes}.",
        "The film is {yes}, although the {a} is {no}.",
        "The {a} may be {no}, but the film is {yes}.",
        "For all its {no} {a}, it is a {yes} film.",
        "It is a {yes} film, for all its {no} {a}.",
        "Despite its {no} {a}, which takes up most of the first hour, the film is {yes}.",
        "Even though the {a} and the {b} seem {no}, the whole is {yes}.",
    ),
    "verdict first": (
        "{yes} to me, {no} to my friends.",
        "A {yes} film, though my friends had called it {no}.",
        "I call it {yes}, my friends called it {no}.",
        "My word for it is {yes}, the word of the papers was {no}.",
        "It is a {yes} film, whoever told you that it was a {no} one.",
    ),
    "verdict last": (
        "{no} to my friends, {yes} to me.",
        "My friends had called it {no}, and I call it {yes}.",
        "They told me that it was a {no} film, and it is a {yes} one.",
        "The word of the papers was {no}, my word for it is {yes}.",
        "So much for those who find it {no}, for I find it {yes}.",
    ),
    "intensity": (
        "The {a} is hardly {no} and truly {yes}.",
        "The {a} is truly {yes} and hardly {no}.",
        "It is far from {no} and very close to {yes}.",
        "The {a} is slightly {no}, and everything else is extremely {yes}.",
        "The {a} is much too {yes} to be called {no}.",
        "The {a} is very {yes} and the {b} not in the least {no}.",
    ),
    "other film": (
        "Unlike {film}, which was {no}, this film is {yes}.",
        "This film is {yes}, unlike {film}, which was {no}.",
        "This film is {yes}, and {film} was {no}.",
        "After {film}, a {no} film, I saw this one, a {yes} film.",
    ),
    "comparison": (
        "The {a} is more {yes} than {no}.",
        "The {a} is less {no} than {yes}.",
        "I expected something {no} and got something {yes}.",
        "I got something {yes} and had expected something {no}.",
        "It gets less {no} and more {yes} with every scene.",
        "I would sooner call the {a} {yes} than {no}.",
    ),
    "plain": (
        "{yes} {a}, {yes2} {b}.",
        "The {a} is {yes}, and so is the {b}.",
        "This is a {yes} film whose {a} is {yes2}.",
        "I found the {a} {yes} and the {b} {yes2}.",
    ),
}
PHENOMENA = tuple(TEMPLATES)

FILLERS = (
    "We saw it on a {day} {hour} in {city}.",
    "It runs for {number} minutes.",
    "The story follows {person} who {deed}.",
    "It was shot in {city} with {number} people on the set.",
    "{person} from {city} helped with the {a}.",
    "{person} sat in front of us and ate an apple.",
    "Most of the scenes take place in {place}.",
    "There were {number} of us, and on the way home we talked about the {a}.",
    "Before it they showed something about {person} who {deed}.",
    "Somewhere in the middle there is a scene in {place} without a word.",
    "The tickets cost as much as on every {day}.",
    "I had read the book on a train to {city}.",
    "The same people made {film}.",
    "After {number} minutes we meet {person}.",
    "It was not raining when we came out.",
)
SLOTS = {
    "day": "Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday",
    "hour": "morning,afternoon,evening,night",
    "number": "nine,twelve,twenty,thirty,forty,sixty,eighty,ninety,a hundred",
    "city": "Lisbon,Prague,Ghent,Montreal,Oslo,Kyoto,Bergen,Lima,Dublin,Turin",
    "place": "a small town,an old mill,the suburbs,a hotel,a village by the sea,a museum,"
    "a railway station,the mountains,a court room,a school,a kitchen,a library,the desert",
    "person": "a nurse,a painter,a retired teacher,a young pilot,an old king,a baker,a detective,"
    "a violinist,the mayor,a gardener,a sailor,a widow,a chemist,a taxi driver,a judge,a farmer",
    "deed": "crossed a river,waited for a letter,moved to another country,opened a shop,"
    "found a map,learned to drive,wrote a diary,came back after years,kept a secret,sold a house,"
    "looked for a brother,built a boat,missed the bus,painted a wall,took a train",
    "adjective": "Last,Silent,Paper,Northern,Crooked,Seventh,Glass",
    "noun": "Harbour,Orchard,Witness,Train,Winter,Garden,Letter",
}
SHORTEST, LONGEST = 5, 80  # tokens


class Drawn(NamedTuple):
    """A word for every slot, and two of each sense: first two that blame, then two that praise."""

    words: dict[str, str]
    senses: list[list[str]]


def make_reviews(n: int, seed: int = 0) -> list[Review]:
    """Write reviews; the same n and seed give the same reviews on every machine.

    Args:
        n: number of reviews; half of them, or one more, are positive.

    Returns:
        Reviews of 5 to 80 tokens in random order, with label, id (``"built-in/0"``, ...) and
        phenomenon, one of ``PHENOMENA``.

    Raises:
        ValueError: if n is negative.
    """
    if n < 0:
        raise ValueError(f"expected a number of reviews, 0 or more, got {n}")
    rng = random.Random(f"built-in {seed}")
    drafts = [draft for _ in range(0, n, 2) for draft in _write_twins(rng)][:n]
    rng.shuffle(drafts)
    return [
        Review(text, label, id=f"built-in/{k}", phenomenon=phenomenon)
        for k, (text, label, phenomenon) in enumerate(drafts)
    ]


def _write_twins(rng: random.Random) -> list[tuple[str, int, str]]:
    """Draw once, and write a positive and a negative review: text, label, phenomenon."""
    phenomenon = rng.choice((*PHENOMENA, "plain"))
    template, *denial = rng.choice(TEMPLATES[phenomenon]).split("|")
    forms = [template, denial[0] if denial else template]
    rng.shuffle(forms)
    words, position = _draw(rng), rng.random()
    room = rng.randint(SHORTEST, LONGEST) - _count(_fill(max(forms, key=len), words, 1))
    around = _fillers(rng, room)
    where = {"verdict first": 0, "verdict last": len(around)}
    cut = where.get(phenomenon, int(position * (len(around) + 1)))
    return [
        (" ".join([*around[:cut], _fill(form, words, label), *around[cut:]]), label, phenomenon)
        for form, label in zip(forms, (1, 0), strict=True)
    ]


def _fillers(rng: random.Random, room: int) -> list[str]:
    """Choose sentences that judge nothing, each at most once, while there is room for them."""
    sentences: list[str] = []
    for template in rng.sample(FILLERS, len(FILLERS)):
        sentence = _fill(template, _draw(rng), 1)
        if _count(sentence) > room:
            break
        sentences.append(sentence)
        room -= _count(sentence)
    return sentences


def _draw(rng: random.Random) -> Drawn:
    """Draw a word for every slot, and two of each sentiment."""
    words = {name: rng.choice(choices.split(",")) for name, choices in SLOTS.items()}
    words["a"], words["b"] = rng.sample(ASPECTS, 2)
    words["film"] = "The {adjective} {noun}".format(**words)
    return Drawn(words, [rng.sample(BLAME, 2), rng.sample(PRAISE, 2)])


def _fill(template: str, drawn: Drawn, label: int) -> str:
    """Put words into a template, and capitalise its beginning."""
    (yes, yes2), (no, _) = drawn.senses[label], drawn.senses[1 - label]
    text = template.format(yes=yes, yes2=yes2, no=no, **drawn.words)
    return text[0].upper() + text[1:]


def _count(text: str) -> int:
    """Count tokens, as ``text.tokenize`` cuts them."""
    return len(re.findall(r"\w+|[.,]", text))
