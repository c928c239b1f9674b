"""The built-in corpus: a small grammar that writes film reviews in which word order decides.

A review is one telling sentence among sentences that tell nothing. The telling sentence says one
thing of the film under review, and the label is that thing: 1 where it praises, 0 where it blames.
Nearly every telling sentence also holds a word of the opposite sense, which is denied, conceded, or
said of another film, and each has a twin in which the two words have changed places: the same bag
of words, the opposite label. In ``"plain"`` reviews alone the words give it away.
"""

# ruff: noqa: SIM905 (words read better as text than as lists)

import random
import re

from lstm_tutorial.sentiment import Review

PRAISE = (
    "superb moving funny gripping clever charming brilliant fresh honest warm sharp elegant witty "
    "thrilling tender bold touching delightful inventive vivid graceful rich lively masterful"
).split()
BLAME = (
    "dull clumsy boring tedious shallow predictable lazy wooden messy lifeless bland silly "
    "tiresome hollow stale sloppy pointless confused dreary forced flat awkward weak noisy"
).split()
ASPECTS = (
    "plot script cast acting dialogue soundtrack camera ending pace humour story lead villain "
    "editing direction score romance opening finale mystery staging singing dancing lighting"
).split()
FILMS = [
    f"The {adjective} {noun}"
    for adjective in ("Last", "Silent", "Paper", "Northern", "Crooked", "Seventh", "Glass")
    for noun in ("Harbour", "Orchard", "Witness", "Train", "Winter", "Garden", "Letter")
]

# {yes} is what the sentence says of the film, {no} the opposite; {a} and {b} are aspects.
TEMPLATES = {
    "negation": (
        "I would not say that the {a} of this film is {no}.",
        "I would say, and not for the first time, that the {a} of this film is {yes}.",
        "It is not true, as I had read before, that the {a} is {no}.",
        "It is true, as I had not read before, that the {a} is {yes}.",
        "Nobody who sat through it with me would call the {a} {no}.",
        "There is nobody who sat through it with me but would call the {a} {yes}.",
        "At no point of the long evening did I find the {a} {no}.",
        "With no doubt, at every point of the long evening, I found the {a} {yes}.",
    ),
    "concession": (
        "Although the {a} is {no}, the film is {yes}.",
        "The film is {yes}, although the {a} is {no}.",
        "The {a} may be {no}, but the film is {yes}.",
        "For all its {no} {a}, it is a {yes} film.",
        "It is a {yes} film, for all its {no} {a}.",
        "Even though the {a} and the {b} seem {no}, the whole is {yes}.",
    ),
    "verdict first": (
        "A {yes} film, though my friends had called it {no}.",
        "I call it {yes}, my friends called it {no}.",
        "My verdict is {yes}, the verdict of my friends was {no}.",
        "It is a {yes} film, whoever told you that it was a {no} one.",
    ),
    "verdict last": (
        "My friends had called it {no}, and I call it {yes}.",
        "They told me that it was a {no} film, and it is a {yes} one.",
        "The verdict of my friends was {no}, my verdict is {yes}.",
        "So much for those who find it {no}, for I find it {yes}.",
    ),
    "intensity": (
        "The {a} is hardly {no} and truly {yes}.",
        "The {a} is truly {yes} and hardly {no}.",
        "It is far from {no} and close to {yes}.",
        "It is close to {yes} and far from {no}.",
        "The {a} is much too {yes} to be called {no}.",
        "The {a} is very {yes} and the {b} not in the least {no}.",
    ),
    "other film": (
        "Unlike {film}, which was {no}, this film is {yes}.",
        "This film is {yes}, unlike {film}, which was {no}.",
        "{film} was {no}, and this film is {yes}.",
        "This film is {yes}, and {film} was {no}.",
        "After {film}, a {no} film, I saw this one, a {yes} film.",
    ),
    "comparison": (
        "The {a} is more {yes} than {no}.",
        "The {a} is less {no} than {yes}.",
        "I expected something {no} and got something {yes}.",
        "I got something {yes} and had expected something {no}.",
        "It gets less {no} and more {yes} with every scene.",
    ),
    "plain": (
        "The {a} is {yes}, and so is the {b}.",
        "This is a {yes} film with a {yes2} {a}.",
        "I found the {a} {yes} and the {b} {yes2}.",
    ),
}
PHENOMENA = tuple(TEMPLATES)

FILLERS = (
    "We saw it on a {day} {hour} in {place}.",
    "It runs for {number} minutes.",
    "The story follows {person} who {deed}.",
    "It was shot in {place} with {number} people on the set.",
    "The {a} was done by {person} from {place}.",
    "{person} sat in front of us and ate an apple.",
    "Most of the scenes take place in {place}.",
    "There were {number} of us, and we talked about the {a} on the way home.",
    "Before it they showed something about {person} who {deed}.",
    "In the middle there is a scene in {place} without a word.",
    "The tickets cost as much as on every {day}.",
    "I had read the book on a train to {place}.",
    "The {a} is by the same hand as in {film}.",
    "After {number} minutes we meet {person}.",
)
SLOTS = {
    "day": "Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday",
    "hour": "morning,afternoon,evening,night",
    "number": "nine,twelve,twenty,thirty,forty,sixty,eighty,ninety,hundred",
    "place": (
        "Lisbon,Prague,a small town,an old mill,the suburbs,Ghent,a hotel,a village by the sea,"
        "Montreal,a railway station,the mountains,a court room,Oslo,a museum,an empty school,"
        "the harbour,a kitchen,Kyoto,a library,the desert"
    ),
    "person": (
        "a nurse,a painter,two brothers,a retired teacher,a young pilot,an old king,a baker,"
        "a detective,a girl of twelve,a violinist,the mayor,a gardener,a sailor,a widow,a chemist,"
        "a taxi driver,three students,a judge,a farmer,a photographer"
    ),
    "deed": (
        "crossed a river,waited for a letter,moved to another country,opened a shop,found a map,"
        "learned to drive,wrote a diary,came back after years,kept a secret,sold a house,"
        "looked for a brother,built a boat,missed the bus,painted a wall,took a train"
    ),
}

SHORTEST, LONGEST = 5, 80  # tokens
_TOKEN = re.compile(r"\w+|[.,]")


def make_reviews(n: int, seed: int = 0) -> list[Review]:
    """Write reviews; the same n and seed give the same reviews on every machine.

    Args:
        n: how many; every other one is positive, in a random order.
        seed: of a random generator that nothing else uses.

    Returns:
        Reviews of 5 to 80 tokens, with label, id (``"built-in/0"``, ...) and phenomenon.

    Raises:
        ValueError: if n is negative.
    """
    if n < 0:
        raise ValueError(f"expected a number of reviews, 0 or more, got {n}")
    rng = random.Random(f"{seed}")
    labels = [k % 2 for k in range(n)]
    rng.shuffle(labels)
    return [_write(rng, k, label) for k, label in enumerate(labels)]


def _write(rng: random.Random, number: int, label: int) -> Review:
    phenomenon = rng.choice(PHENOMENA)
    telling = _fill(rng, rng.choice(TEMPLATES[phenomenon]), label)
    room = rng.randint(SHORTEST, LONGEST) - _count(telling)
    fillers: list[str] = []
    while _count(sentence := _fill(rng, rng.choice(FILLERS), label)) <= room:
        fillers.append(sentence)
        room -= _count(sentence)
    place = {"verdict first": 0, "verdict last": len(fillers)}
    fillers.insert(place.get(phenomenon, rng.randint(0, len(fillers))), telling)
    return Review(" ".join(fillers), label, id=f"built-in/{number}", phenomenon=phenomenon)


def _fill(rng: random.Random, template: str, label: int) -> str:
    """Put words into a template's slots, and a capital at its beginning."""
    says, other = (PRAISE, BLAME) if label == 1 else (BLAME, PRAISE)
    yes, yes2 = rng.sample(says, 2)
    a, b = rng.sample(ASPECTS, 2)
    words = {"yes": yes, "yes2": yes2, "no": rng.choice(other), "a": a, "b": b}
    words |= {"film": rng.choice(FILMS)}
    words |= {slot: rng.choice(choices.split(",")) for slot, choices in SLOTS.items()}
    text = template.format(**words)
    return text[0].upper() + text[1:]


def _count(text: str) -> int:
    """Tokens of a text, counted as ``text.tokenize`` cuts it."""
    return len(_TOKEN.findall(text))
