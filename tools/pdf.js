// Join pages of the built book into one document, in the page that is open: tools/pdf.py prints it.
// pages: [{name, address, text}]; root: the built book's address; base: its address on the web;
// front: the HTML of a title page. Returns the titles of the bookmarks, in their order.
async ({ pages, root, base, front }) => {
  const names = new Map(pages.map(({ name, address }) => [address, name]));
  const anchor = (name, id) => (id ? `${name}--${id.replaceAll("/", "-")}` : name);
  const make = (tag, attributes, ...content) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.append(...content);
    return element;
  };
  const pageOf = (target) => {
    const number = make("span", {}, "000");
    number.dataset.pageOf = target;
    return number;
  };
  const textOf = (heading) => {
    const copy = heading.cloneNode(true);
    copy.querySelectorAll(".headerlink").forEach((link) => link.remove());
    return copy.textContent.replace(/\s+/g, " ").trim();
  };

  // An id is its page's own; a link leads to a place in this document, or to the book on the web.
  const leadOn = (link, address) => {
    const url = new URL(link.getAttribute("href"), address);
    const [page, id] = url.href.split("#");
    if (names.has(page)) {
      link.setAttribute("href", `#${anchor(names.get(page), decodeURIComponent(id ?? ""))}`);
    } else if (url.href.startsWith(root)) {
      link.href = base + url.href.slice(root.length);
    }
  };
  const adopt = ({ name, address, text }) => {
    const body = new DOMParser().parseFromString(text, "text/html").querySelector("article.bd-article");
    body.querySelectorAll("[id]").forEach((e) => (e.id = anchor(name, e.id)));
    body.querySelectorAll("a[href]").forEach((link) => leadOn(link, address));
    body.querySelectorAll("details").forEach((details) => (details.open = true));
    for (const image of body.querySelectorAll("img")) {
      image.loading = "eager";
      image.src = new URL(image.getAttribute("src"), address);
    }
    // Nobody starts a notebook from paper; its address is on the title page.
    body.querySelectorAll(".chapter-facts li:has([href*='mybinder'])").forEach((e) => e.remove());
    const chapter = make("section", { id: name, className: "chapter" }, ...body.childNodes);
    moveAnswers(chapter, name);
    return chapter;
  };

  // Nothing can be opened on paper: choices get letters, and what is right stands at the end.
  const moveAnswers = (chapter, name) => {
    const solutions = [...chapter.querySelectorAll(".solution.admonition")];
    for (const solution of solutions) {
      const link = make("a", { href: `#${solution.id}` }, "Solution");
      solution.replaceWith(make("p", {}, link, " (p. ", pageOf(solution.id), ")"));
    }
    const answers = [...chapter.querySelectorAll(".quiz")].map((quiz) => {
      const choices = [...quiz.querySelectorAll("details")];
      const told = choices.map((choice) => make("li", {}, ...choice.querySelectorAll("p")));
      const asked = choices.map((choice) => make("li", {}, ...choice.querySelector("summary").childNodes));
      quiz.replaceChildren(make("ol", { type: "a" }, ...asked));
      return make("li", {}, make("ol", { type: "a" }, ...told));
    });
    if (!solutions.length && !answers.length) return;
    const heading = make("h2", {}, "Solutions and answers");
    const end = make("section", { id: anchor(name, "at-the-end") }, heading, ...solutions);
    if (answers.length) {
      const how = chapter.querySelector("[id$='--quiz'] > h2 + p");
      how?.replaceChildren("Decide first; the answers, and why, stand at the end of the chapter.");
      end.append(make("p", {}, "Answers to the quiz:"), make("ol", { className: "answers" }, ...answers));
    }
    chapter.append(end);
  };

  // Links to other chapters say on which page; the words of the glossary and the papers are many.
  const showPages = (chapter) => {
    for (const link of chapter.querySelectorAll("a[href^='#']:not(.sd-stretched-link)")) {
      const target = link.getAttribute("href").slice(1);
      const other = target.split("--")[0];
      if (other === chapter.id || ["glossary", "bibliography"].includes(other)) continue;
      if (!link.closest("h1, h2, h3, lstm-cell")) link.after(" (p. ", pageOf(target), ")");
    }
  };
  const line = (heading, target) =>
    make("li", {}, make("a", { href: `#${target}` }, make("span", {}, textOf(heading)), pageOf(target)));
  const contents = (chapters) => {
    const entries = chapters.map((chapter) => {
      const entry = line(chapter.querySelector("h1"), chapter.id);
      const sections = [...chapter.querySelectorAll("h2")].filter((h) => h.closest("section").id);
      entry.append(make("ol", {}, ...sections.map((h) => line(h, h.closest("section").id))));
      return entry;
    });
    return make("nav", { id: "contents" }, make("h1", {}, "Contents"), make("ol", {}, ...entries));
  };
  const footers = (chapters) =>
    chapters.map((chapter) => {
      const title = JSON.stringify(`${textOf(chapter.querySelector("h1"))} · `);
      return `#${chapter.id} { page: ${chapter.id} }
        @page ${chapter.id} { @bottom-center { content: ${title} counter(page) } }`;
    });

  // Formulas and figures that move need their scripts; the page that is open may lack some.
  const load = (src) =>
    new Promise((done, fail) => {
      if ([...document.scripts].some((script) => script.src === src)) return done();
      document.head.append(make("script", { src, onload: done, onerror: fail }));
    });
  for (const { address, text } of pages) {
    const parsed = new DOMParser().parseFromString(text, "text/html");
    for (const script of parsed.querySelectorAll("head script")) {
      const source = script.getAttribute("src") ?? "";
      if (script.textContent.startsWith("window.MathJax =") && !window.MathJax)
        document.head.append(make("script", { textContent: script.textContent }));
      if (/\/lstm-(?!quiz|review|reader|cell|player|drawing)|\/mathjax\//.test(source)) await load(new URL(source, address).href);
    }
  }

  const chapters = pages.map(adopt);
  chapters.forEach(showPages);
  const style = make("style", {}, footers(chapters).join("\n"));
  const title = make("section", { id: "title-page", innerHTML: front });
  const article = make("article", { className: "bd-article" }, style, title, contents(chapters), ...chapters);
  const column = make("div", { className: "bd-article-container" }, article);
  document.body.replaceChildren(make("main", { className: "bd-main" }, make("div", { className: "bd-content" }, column)));
  if (window.MathJax?.startup) {
    await MathJax.startup.promise;
    await MathJax.typesetPromise();
  }
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  await document.fonts.ready;
  return [...document.querySelectorAll("article :is(h1, h2, h3, h4, h5, h6)")]
    .filter((heading) => heading.checkVisibility())
    .map(textOf);
};
