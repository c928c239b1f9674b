// <lstm-reader text="..."> : a unit of the shipped model reads a sentence, word by word.
//
// The numbers of the first sentence are in the page, written by book/_ext/reader.py; one of your
// own is read by lstm-review-model.js, which loads the weights when they are asked for.
(() => {
  "use strict";

  const { number, limitOf, show, curve } = LSTMDrawing;
  const PACE = 1600; // milliseconds a word
  const MOST_WORDS = 60; // the verdict after every word costs the square of their number
  const percent = (value) => `${Math.round(100 * value)}%`;
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  const opinion = (p) => (p > 0.5 ? "for" : "against");

  /** Find the forward unit whose largest h, times its weight, is largest in size: as the package does. */
  function strongest({ H, classifier }, reading) {
    const { best } = reading.forward.at(-1);
    const adds = (k) => Math.abs(classifier[k] * best[k]);
    return [...Array(H).keys()].reduce((a, b) => (adds(b) > adds(a) ? b : a));
  }

  /** Read a text: what book/_ext/reader.py computes when the book is built. */
  function read(model, text) {
    const words = LSTMReview.tokenize(text);
    if (!words.length) throw new RangeError("expected some words, got an empty text");
    if (words.length > MOST_WORDS)
      throw new RangeError(`expected at most ${MOST_WORDS} words and marks, got ${words.length}: shorten the text`);
    const ids = LSTMReview.encode(words, model);
    const reading = LSTMReview.read(model, ids);
    const unit = strongest(model, reading);
    const steps = reading.forward.map((s) => ["i", "f", "g", "o", "c", "h"].map((name) => s[name][unit]));
    const liked = LSTMReview.arriving(model, reading).fromStart;
    return { words, unit, units: model.H, weight: model.classifier[unit], steps, liked };
  }

  class LSTMReaderElement extends HTMLElement {
    connectedCallback() {
      if (this.ready) return;
      this.ready = true;
      this.find = (name) => this.querySelector(`[data-part=${name}]`);
      this.svg = this.querySelector(".lstm-drawing");
      this.build();
      this.player = new LSTMPlayer(this, { pace: PACE, show: (t) => this.draw(t), name: (t) => this.place(t) });
      this.querySelector("form").addEventListener("submit", (event) => {
        event.preventDefault();
        this.readOwn();
      });
      const given = JSON.parse(this.querySelector("script").textContent);
      const moved = (t) => Math.abs(given.steps[t][4] - (t ? given.steps[t - 1][4] : 0));
      this.take(given, given.steps.reduce((best, _, t) => (moved(t) > moved(best) ? t : best), 0));
      this.begin();
    }

    disconnectedCallback() {
      this.player.pause();
      this.watch?.disconnect();
    }

    /** Add the controls to what the page shows without scripts. */
    build() {
      this.querySelector(".picture").insertAdjacentHTML("beforeend", LSTMPlayer.slider);
      this.querySelector(".panel").insertAdjacentHTML("afterbegin", LSTMPlayer.buttons);
      this.querySelector(".position span").textContent = "Word";
      const said = document.createElement("div");
      said.setAttribute("aria-live", "polite");
      this.find("story").before(said);
      said.append(this.find("story"), this.find("verdict"));
      said.insertAdjacentHTML("afterend", METER);
      this.find("unit").insertAdjacentHTML("beforebegin", FORM);
      this.querySelector("input[type=text]").value = this.getAttribute("text");
      this.find("weight").textContent =
        `It stays in this page. The model loads once: ${megabytes(this.dataset.bytes)}, ` +
        `${megabytes(this.dataset.gzip)} compressed.`;
    }

    /** Play once by itself, when it is seen, for those who have not asked for less motion. */
    begin() {
      if (matchMedia("(prefers-reduced-motion: reduce), print").matches || this.hasAttribute("still")) return;
      this.watch = new IntersectionObserver(([seen]) => {
        if (!seen.isIntersecting) return;
        this.watch.disconnect();
        this.player.move(0);
        this.player.play();
      }, { threshold: 0.4 });
      this.watch.observe(this.svg);
      this.addEventListener("pointerdown", () => this.watch.disconnect(), { once: true });
      this.addEventListener("keydown", () => this.watch.disconnect(), { once: true });
    }

    /** Take what was read of a sentence. */
    take(data, at) {
      const before = [[0, 0, 0, 0, 0, 0], ...data.steps];
      this.data = data;
      this.steps = data.steps.map(([i, f, g, o, c, h], t) => ({
        x: `“${data.words[t]}”`, c0: before[t][4], h0: before[t][5], i, f, g, o, c, h,
      }));
      this.limit = limitOf(this.steps);
      const list = this.querySelector("ol.words");
      list.replaceChildren(...data.words.map((word) => Object.assign(document.createElement("li"), { textContent: word })));
      const room = this.querySelector(".curve").clientWidth / (data.words.length - 1 || 1); // each word is below its step
      const isCrowded = data.words.some((word, k) => k > 0 && 4 * (word.length + data.words[k - 1].length) + 8 > room);
      list.classList.toggle("many", data.words.length > 13 || isCrowded);
      [...list.children].forEach((item, t) => item.addEventListener("click", () => this.player.go(t)));
      this.find("unit").textContent = this.unit();
      this.player.reset(data.words.length, at);
    }

    unit() {
      const { unit, units, weight, steps } = this.data;
      const adds = weight * Math.max(...steps.map((s) => s[5]));
      return (
        `Shown is unit ${unit} of ${units} that read forward, the one whose h moves the verdict on this sentence most: ` +
        `a large h speaks ${adds > 0 ? "for" : "against"} the film. The verdict is that of all units, in both directions.`
      );
    }

    place(t) {
      return `${t + 1} of ${this.steps.length}: ${this.data.words[t]}`;
    }

    /** Show the step at word t. */
    draw(t) {
      const step = this.steps[t];
      show(this.svg, step, this.limit, () => this.sum(step, t));
      [...this.querySelector("ol.words").children].forEach((word, k) => {
        word.classList.toggle("now", k === t);
        word.classList.toggle("unread", k > t);
      });
    }

    /** Show everything that has been read up to word t: the curves, and the verdict. */
    sum(step, t) {
      const read = this.steps.slice(0, t + 1);
      const [states, liked] = this.querySelectorAll(".lstm-curve");
      for (const name of ["c", "h"]) curve(states, name, read.map((s) => s[name]), this.steps.length, this.limit);
      curve(liked, "p", this.data.liked.slice(0, t + 1), this.steps.length);
      this.tell(step, t);
    }

    tell({ x, c0, f, i, g, o, c, h }, t) {
      const p = this.data.liked[t];
      this.find("story").textContent =
        `It reads ${x}: it keeps ${percent(f)} of the old state, ${number(c0)}, and writes ${number(i * g)}, so c\u00a0=\u00a0${number(c)}; ` +
        `it shows ${percent(o)} of tanh(c), so h\u00a0=\u00a0${number(h)}.`;
      this.find("verdict").textContent = `Read so far, the film is liked with probability ${number(p)}.`;
      const meter = this.querySelector(".meter");
      meter.style.setProperty("--p", p);
      meter.dataset.opinion = opinion(p);
    }

    async readOwn() {
      const answer = this.find("answer");
      try {
        answer.classList.remove("error");
        answer.textContent = this.model ? "" : "The model is on its way.";
        this.model = await LSTMReview.load();
        this.take(read(this.model, this.querySelector("input[type=text]").value), 0);
        answer.textContent = `Read: ${this.steps.length} words and marks.`;
        this.player.play();
      } catch (error) {
        answer.classList.add("error");
        answer.textContent = error.message;
      }
    }
  }

  const METER =
    '<div class="meter" aria-hidden="true"><span>bad film</span><span class="track"><span></span></span><span>good film</span></div>';
  const FORM =
    '<form><label>Type your own<input type="text" autocomplete="off"></label><button type="submit">Read it</button>' +
    '<p data-part="weight"></p><p data-part="answer" role="status"></p></form>';

  window.LSTMReader = { read };
  customElements.define("lstm-reader", LSTMReaderElement);
})();
