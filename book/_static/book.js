// A page opened from disk may not fetch its neighbours, and the search summaries do just that:
// there the search lists titles alone.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// An error message pasted into the search holds the reader's own numbers, names and types, which no
// page has, and short words that the index leaves out. The search wants every word: so queries of
// more than five words are searched without these.
const wordsOf = (text) => text.split(/[^\p{Letter}\p{Number}_]+/u).filter((word) => word);
const isGeneral = (word) => !/^(.{1,3}|.*\d.*|\w+(Error|Warning))$/.test(word);
const isIndexed = (word) => {
  const stem = new Stemmer().stemWord(word.toLowerCase());
  return stem in Search._index.terms || stem in Search._index.titleterms;
};
window.splitQuery = (query) => {
  showSectionsFirst();
  const words = wordsOf(query);
  const general = words.filter((word) => isGeneral(word) && isIndexed(word));
  return words.length > 5 && general.length > 0 ? general : words;
};

// The section that explains a message comes first: that of the message of which most words, and
// nearly all, stand in the query. MESSAGES is written into the page from the list of questions.
const sectionsAskedFor = (query) => {
  const asked = new Set(wordsOf(query.toLowerCase()));
  const { docnames, filenames } = Search._index;
  const found = new Map();
  for (const [message, page, anchor, name] of MESSAGES) {
    const words = [...new Set(wordsOf(message.toLowerCase()).filter(isGeneral))];
    const there = words.filter((word) => asked.has(word)).length;
    const [file, place] = [docnames.indexOf(page), anchor && `#${anchor}`];
    if (there < 2 || there < 0.8 * words.length || (found.get(page + place)?.[4] ?? 0) > 100 + there) continue;
    found.set(page + place, [page, name, place, null, 100 + there, filenames[file]]);
  }
  return [...found.values()].sort((a, b) => a[4] - b[4]);
};
// The search's own scripts run after this one and search at once: they call splitQuery first.
const showSectionsFirst = () => {
  if (Search.search) return;
  Search.search = Search._performSearch; // its results are shown from the last to the first
  Search._performSearch = (query, ...terms) => {
    const first = sectionsAskedFor(query);
    const places = first.map(([page, , place]) => page + place);
    const isOther = ([page, , place]) => !places.includes(page + place);
    return [...Search.search(query, ...terms).filter(isOther), ...first];
  };
};

const whole = (...content) => {
  const box = document.createElement("span");
  box.className = "whole";
  box.append(...content);
  return box;
};

// A shape such as (L, N, H_out), and a formula or a name with the sign behind it, stay on one line.
const keepTogether = (article) => {
  for (const code of article.querySelectorAll(":not(pre) > code"))
    if (/^(?=.{1,30}$)[\w.]*[([][^()[\]=]{1,22}[)\]]$/.test(code.textContent)) code.classList.add("whole");
  for (const item of article.querySelectorAll("span.math, code.whole")) {
    const sign = /^[.,;:!?)’”]+/.exec(item.nextSibling?.data ?? "")?.[0];
    if (!sign) continue;
    item.nextSibling.data = item.nextSibling.data.slice(sign.length);
    const box = whole();
    item.replaceWith(box);
    box.append(item, sign);
  }
};

const textsOf = (element) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  return texts;
};

// In a table a long name breaks behind a point or an underscore, in a signature between its parts.
const offerBreaks = (article) => {
  const breakLine = () => document.createElement("wbr");
  for (const name of article.querySelectorAll("td code:not(.whole)"))
    for (const text of textsOf(name)) {
      const parts = text.data.split(/(?<=\w{3}[._])(?=\w{3})/);
      text.replaceWith(...parts.flatMap((part) => [breakLine(), part]).slice(1));
    }
  for (const part of article.querySelectorAll("dt.sig :is(.sig-name, .sig-param)"))
    part.before(breakLine());
};

// On a phone, printed sentences wrap and columns don't: at least two lines of these hold a gap.
// The option of a printed command stays whole.
const markSentences = (article) => {
  for (const pre of article.querySelectorAll(".cell_output pre")) {
    const gaps = pre.textContent.match(/^.*\S {2,}\S/gm) ?? [];
    pre.classList.toggle("sentences", gaps.length < 2);
    for (const text of textsOf(pre)) {
      const parts = text.data.split(/(?<= )(--\w[\w-]*)/);
      if (parts.length > 1) text.replaceWith(...parts.map((part, k) => (k % 2 ? whole(part) : part)));
    }
  }
};

// What scrolls sideways can be scrolled by the keyboard.
const reachScrolling = (article) => {
  for (const box of article.querySelectorAll("figure, table.table, pre"))
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
};

document.addEventListener("DOMContentLoaded", () => {
  const article = document.querySelector(".bd-article");
  if (!article) return;
  keepTogether(article);
  offerBreaks(article);
  markSentences(article);
  for (const event of ["load", "resize"]) addEventListener(event, () => reachScrolling(article));
});
