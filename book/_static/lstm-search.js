// The search: sections instead of pages, each with the sentence that answers best. SECTIONS and
// MESSAGES are written when the book is built (book/_ext/search_sections.py).

// What readers call it, and what the book calls it.
const ALSO = {
  unidirectional: ["one", "directional"], deterministic: ["reproducible"], nondeterministic: ["reproducible"],
  nans: ["nan"], truncated: ["bptt"], tbptt: ["truncated"], gpu: ["cuda"], bilstm: ["bidirectional"],
  cell_state: ["c_n"], softmax: ["crossentropyloss"], masking: ["mask"], bf16: ["bfloat16"], fp16: ["float16"],
  mixed: ["autocast"], amp: ["autocast"], variable: ["unequal", "lengths"], initialization: ["initialisation"],
  initialize: ["initialisation"], ddp: ["distributed"], encoder: ["encode"], decoder: ["decode"], all: ["every"],
};
const COMMON = new Set([...stopwords, ..."do does how i my what when which why can should use used using from get pytorch torch lstm nn one all its return".split(" ")]);
const stemmer = new Stemmer();
const stem = (word) => (/[_\d]/.test(word) ? word : stemmer.stemWord(word));
const exactly = (word) => (word.length > 5 && stem(word) !== word ? [`=${word}`] : []);

// Stems, with the parts of a name (pack_padded_sequence, CrossEntropyLoss), and after "=" the word as
// it is written: stateful has the stem of state.
const wordsIn = (text) =>
  (text.match(/[\p{Letter}\p{Number}_]+/gu) ?? []).flatMap((word) => {
    const parts = word.split(/_|(?<=\p{Ll})(?=\p{Lu})/u).filter((part) => part.length > 1);
    return parts.length > 1 ? [word, ...parts] : [word];
  }).map((word) => word.toLowerCase()).flatMap((word) => [stem(word), ...exactly(word)]);

const counted = (words) => words.reduce((counts, word) => counts.set(word, (counts.get(word) ?? 0) + 1), new Map());

// A question before a chapter, a chapter before the reference, and lists of everything last.
const boostOf = (page, anchor) => {
  if (/^(error-messages|what-we-proved|where-next|quiz|exercises)$/.test(anchor)) return 0.4;
  if (/(api|bibliography|glossary|teaching)$/.test(page)) return 0.35;
  return page.endsWith("questions") ? (anchor ? 1.3 : 0.4) : 1;
};

const topicOf = (words) => new Set(words.filter((word) => !word.startsWith("=") && !COMMON.has(word)));

const HEADING = 6; // a word of the heading counts as often as six of the text
const index = (() => {
  const sections = SECTIONS.map(([page, anchor, chapter, title, text]) => {
    const heading = wordsIn(title || chapter);
    const words = [...wordsIn(text), ...wordsIn(chapter)];
    const counts = counted(words);
    for (const [word, times] of counted(heading)) counts.set(word, (counts.get(word) ?? 0) + HEADING * times);
    return { page, anchor, chapter, title, text, heading: new Set(heading), topic: topicOf(heading), counts, length: words.length + 20, boost: boostOf(page, anchor) };
  });
  const holding = new Map();
  for (const { counts } of sections) for (const word of counts.keys()) holding.set(word, (holding.get(word) ?? 0) + 1);
  const mean = sections.reduce((sum, { length }) => sum + length, 0) / sections.length;
  return { sections, holding, mean };
})();

// BM25 (Robertson and Zaragoza 2009), times the square of the share of the query that the section
// holds, and more where the heading holds it and speaks of little else.
const scoreOf = (section, wanted) => {
  let [score, weight, found, inHeading] = [0, 0, 0, 0];
  for (const word of wanted) {
    const rarity = Math.log(1 + (index.sections.length - index.holding.get(word) + 0.5) / (index.holding.get(word) + 0.5));
    const times = section.counts.get(word) ?? 0;
    const share = word.startsWith("=") ? 0.15 : 1;
    weight += share * rarity;
    if (times) found += share * rarity;
    if (section.heading.has(word)) inHeading += share * rarity;
    score += (share * rarity * 2.2 * times) / (times + 1.2 * (0.25 + (0.75 * section.length) / index.mean));
  }
  const covered = wanted.filter((word) => section.topic.has(word)).length / section.topic.size || 0;
  return score * (found / weight) ** 2 * (1 + inHeading / weight + 0.6 * covered) * section.boost;
};

// A single digit is a reader's own number, unless it is quoted or all that is asked for.
const wantedOf = (query) => {
  const quoted = new Set((query.match(/"[^"]*"/g) ?? []).flatMap(wordsIn));
  const words = wordsIn(query).filter((word) => index.holding.has(word));
  const telling = words.filter((word) => !/^\d$/.test(word) || quoted.has(word));
  const asked = telling.length ? telling : words;
  const also = (query.toLowerCase().match(/[\p{Letter}\p{Number}_]+/gu) ?? []).flatMap((word) => ALSO[word] ?? []).map(stem);
  const rare = asked.filter((word) => !COMMON.has(word.replace("=", "")));
  return [...new Set([...(rare.length ? rare : asked), ...also.filter((word) => index.holding.has(word))])];
};

// The section that explains a message comes first: that of the message of which most words, and
// nearly all, are in the query. A pasted message holds the reader's own numbers, names and types.
const plain = (text) => text.toLowerCase().split(/[^\p{Letter}\p{Number}_]+/u).filter((word) => word);
const isGeneral = (word) => !/^(.{1,3}|.*\d.*|\w+(error|warning))$/.test(word);
const explained = (query) => {
  const asked = new Set(plain(query));
  const found = new Map();
  for (const [message, page, anchor, name] of MESSAGES) {
    const words = [...new Set(plain(message).filter(isGeneral))];
    const there = words.filter((word) => asked.has(word)).length;
    if (there < 2 || there < 0.8 * words.length || (found.get(page + anchor)?.score ?? 0) > there) continue;
    const section = index.sections.find((one) => one.page === page && (!anchor || one.anchor === anchor));
    found.set(page + anchor, { page, anchor, name, score: there, text: section?.text ?? message });
  }
  return [...found.values()].sort((a, b) => b.score - a.score);
};

const nameOf = ({ chapter, title }) => (title ? `${chapter} > ${title}` : chapter);
const find = (query) => {
  const first = explained(query);
  const wanted = wantedOf(query);
  const others = wanted.length === 0 ? [] : index.sections
    .map((section) => ({ ...section, name: nameOf(section), score: scoreOf(section, wanted) }))
    .filter(({ score, page, anchor }) => score > 0 && !first.some((one) => one.page === page && one.anchor === anchor))
    .sort((a, b) => b.score - a.score);
  return [...first, ...others].slice(0, 20);
};

// The sentence with most of the words that were asked for, cut where it is long.
const sentenceOf = (text, wanted) => {
  const sentences = text.split(/\n|(?<=[.!?:])\s+(?=\p{Lu}|\p{Number})/u);
  const share = (sentence) => {
    const words = new Set(wordsIn(sentence));
    return wanted.filter((word) => words.has(word)).length + Math.min(sentence.length, 60) / 1000;
  };
  const best = sentences.reduce((a, b) => (share(b) > share(a) ? b : a), "");
  return best.length > 220 ? `${best.slice(0, 220).replace(/\s+\S*$/u, "")} …` : best;
};

const marked = (sentence, wanted) =>
  sentence.split(/([\p{Letter}\p{Number}_]+)/u).map((part) => {
    if (!wanted.includes(stem(part.toLowerCase()))) return part;
    const mark = document.createElement("span");
    mark.className = "highlighted";
    mark.textContent = part;
    return mark;
  });

const show = (query) => {
  const [found, wanted] = [find(query), wantedOf(query)];
  const [heading, summary, list] = ["h2", "p", "ul"].map((tag) => document.createElement(tag));
  const root = document.documentElement.dataset.content_root ?? "./";
  for (const { page, anchor, name, text } of found) {
    const [item, link, context] = ["li", "a", "p"].map((tag) => document.createElement(tag));
    link.href = `${root}${page}.html${anchor && `#${anchor}`}`;
    link.textContent = name;
    context.className = "context";
    context.append(...marked(sentenceOf(text, wanted), wanted));
    item.append(link, context);
    list.append(item);
  }
  heading.textContent = "Search results";
  summary.className = "search-summary";
  summary.textContent = found.length
    ? `Search finished: the ${found.length} sections that fit best.`
    : "Search finished: no section has these words. Paste an error message whole, or read the list of questions.";
  list.className = "search";
  document.getElementById("search-results").append(heading, summary, list);
};

const query = new URLSearchParams(location.search).get("q") ?? "";
for (const field of document.querySelectorAll('input[name="q"]')) field.value = query;
if (query) show(query);
