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

// A link to an error message opens the calls below it.
const openLinked = (article) => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const section = article.contains(target) && target.closest("section section");
  for (const fold of section ? section.querySelectorAll(":scope > .tag_message > details") : []) fold.open = true;
};

document.addEventListener("DOMContentLoaded", () => {
  const article = document.querySelector(".bd-article");
  if (!article) return;
  keepTogether(article);
  offerBreaks(article);
  markSentences(article);
  for (const event of ["load", "resize"]) addEventListener(event, () => reachScrolling(article));
  openLinked(article);
  addEventListener("hashchange", () => openLinked(article));
});
