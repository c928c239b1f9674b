// <lstm-review text="..."> : a sentence of your own, read by the shipped model in this page.
//
// The arithmetic is in lstm-review-model.js; the weights are asked for on the first click.
// Without scripts the element shows what stands between its tags.
(() => {
  "use strict";

  const EXAMPLES = {
    negation: "It is not dull, and nobody in this cast gives a bad performance.",
    "the end decides": "Great actors and a famous director, and yet it is a mess.",
    "unknown words": "The zeppelinesque plot is wonderful.",
  };
  const MOST_WORDS = 60; // the word-by-word part costs the square of their number
  const COLORS = { i: "#0072B2", f: "#D55E00", g: "#009E73", o: "#CC79A7", c: "#E69F00", h: "#56B4E9" };
  const OPINIONS = { for: "#542788", against: "#B35806" };
  const DIRECTIONS = { forward: "#0072B2", reverse: "#D55E00" };
  const LIMITS = { i: [0, 1], f: [0, 1], g: [-1, 1], o: [0, 1], c: [-3, 3], h: [-1, 1] };

  const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  const show = (value) => value.toFixed(2).replace("-", "−").replace("−0.00", "0.00");
  const signed = (value) => (/^(−|0.00)/.test(show(value)) ? show(value) : `+${show(value)}`);
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  const milliseconds = (from) => `${Math.max(1, Math.round(performance.now() - from))} ms`;

  /** A cell with its number, and a bar that begins at zero. */
  function cell(text, value, [low, high], tone) {
    const place = (v) => (100 * (Math.max(low, Math.min(high, v)) - low)) / (high - low);
    const [left, right] = [place(Math.min(0, value)), place(Math.max(0, value))];
    return `<td class="bar" style="--left: ${left}%; --width: ${right - left}%; --tone: ${tone}">${text}</td>`;
  }

  const table = (title, head, rows) =>
    `<div class="scroll" role="region" tabindex="0" aria-label="${title}"><table><caption>${title}</caption><thead><tr>` +
    head.map((text) => `<th scope="col">${text}</th>`).join("") +
    `</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;

  class LSTMReviewElement extends HTMLElement {
    connectedCallback() {
      if (this.ready) return;
      this.ready = true;
      this.innerHTML = LAYOUT;
      this.area = this.querySelector("textarea");
      this.area.value = this.getAttribute("text");
      this.querySelector("[data-part=weight]").textContent =
        `The model is a download of ${megabytes(this.dataset.bytes)}, or of ${megabytes(this.dataset.gzip)} where the server ` +
        "compresses: its numbers are written as text. It comes from this book, once, when you ask for it; what you type stays in this page.";
      this.listen();
    }

    listen() {
      const on = (selector, event, act) => this.querySelector(selector).addEventListener(event, act);
      on("form", "submit", (event) => event.preventDefault() ?? this.read());
      on("textarea", "input", () => this.model && this.soon());
      on("select", "change", () => this.pick(this.unit()));
      on("input[type=range]", "input", () => this.pick(this.unit()));
      on("[data-do=strongest]", "click", () => this.pick(null));
      for (const button of this.querySelectorAll("[data-example]"))
        button.addEventListener("click", () => {
          this.area.value = EXAMPLES[button.dataset.example];
          this.read();
        });
    }

    disconnectedCallback() {
      clearTimeout(this.timer);
    }

    soon() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.read(), 250);
    }

    say(text, isError = false) {
      const answer = this.querySelector("[data-part=answer]");
      answer.textContent = text;
      answer.classList.toggle("error", isError);
    }

    async read() {
      clearTimeout(this.timer);
      try {
        if (!this.model) this.say("The model is on its way.");
        this.model = await LSTMReview.load();
        this.querySelector("[type=submit]").textContent = "Read";
        this.draw();
      } catch (error) {
        this.querySelector("[data-part=figures]").hidden = true;
        this.say(error.message, true);
      }
    }

    draw() {
      const all = LSTMReview.tokenize(this.area.value);
      this.tokens = all.slice(0, this.model.maxLength);
      if (!this.tokens.length) throw new RangeError("expected some words, got an empty text");
      const begin = performance.now();
      const ids = LSTMReview.encode(this.tokens, this.model);
      this.reading = LSTMReview.read(this.model, ids);
      const time = milliseconds(begin);
      this.say(this.summary(ids, all.length));
      const isShort = ids.length <= MOST_WORDS;
      this.querySelector("[data-part=words]").innerHTML = isShort ? this.words(ids) : "";
      this.querySelector("[data-part=time]").textContent = isShort
        ? `The answer took ${time} in your browser, everything ${milliseconds(begin)}.`
        : `The answer took ${time} in your browser. Word by word this figure reads up to ${MOST_WORDS} tokens, and these are ${all.length}.`;
      this.querySelector("[data-part=figures]").hidden = false;
      this.querySelector("input[type=range]").max = this.model.H - 1;
      this.pick(this.chosen ?? null);
    }

    summary(ids, count) {
      const { probability, logit } = this.reading;
      const unknown = ids.filter((id) => id === 1).length;
      const tokens = count > ids.length ? `${count} tokens, of which it reads the first ${ids.length}` : `${count} tokens`;
      return (
        `${probability > 0.5 ? "Positive" : "Negative"}: the film is liked with probability ${show(probability)} ` +
        `(logit ${show(logit)}). ${tokens}; ${unknown} of them unknown to the model.`
      );
    }

    words(ids) {
      const adds = LSTMReview.occlusion(this.model, this.reading);
      const { fromStart, fromEnd } = LSTMReview.arriving(this.model, this.reading);
      const most = Math.max(...adds.map(Math.abs), 1e-9);
      const chips = this.tokens.map((token, t) => {
        const tone = adds[t] > 0 ? OPINIONS.for : OPINIONS.against;
        const share = Math.round((45 * Math.abs(adds[t])) / most);
        const known = ids[t] === 1 ? ' class="unknown"' : "";
        return `<li${known} style="--tone: ${tone}; --share: ${share}%">${escape(token)}<small>${signed(adds[t])}</small></li>`;
      });
      const rows = this.tokens.map(
        (token, t) =>
          `<tr><th scope="row">${escape(token)}</th>` +
          cell(show(fromStart[t]), fromStart[t], [0, 1], DIRECTIONS.forward) +
          cell(show(fromEnd[t]), fromEnd[t], [0, 1], DIRECTIONS.reverse) +
          "</tr>",
      );
      return (
        '<p id="lstm-review-words">The words that mattered: how much each adds to the logit, compared with an unknown word in its place.</p>' +
        `<ol class="words" aria-labelledby="lstm-review-words">${chips.join("")}</ol>` +
        table("Probability as the words arrive", ["word", "read from the start up to here", "read from the end back to here"], rows)
      );
    }

    unit() {
      return {
        direction: this.querySelector("select").value,
        k: Number(this.querySelector("input[type=range]").value),
      };
    }

    /** The unit whose largest h moves the logit most. */
    strongest() {
      const { H, classifier } = this.model;
      const { forward, reverse } = this.reading;
      const adds = (k) => classifier[k] * (k < H ? forward.at(-1).best[k] : reverse[0].best[k - H]);
      const best = [...classifier.keys()].reduce((a, b) => (Math.abs(adds(b)) > Math.abs(adds(a)) ? b : a));
      return { direction: best < H ? "forward" : "reverse", k: best % H };
    }

    /** Show a unit: the one that was asked for, or for null the strongest of every sentence. */
    pick(chosen) {
      this.chosen = chosen;
      const { direction, k } = chosen ?? this.strongest();
      this.querySelector("select").value = direction;
      const slider = this.querySelector("input[type=range]");
      slider.value = k;
      slider.nextElementSibling.textContent = k;
      const states = this.reading[direction];
      const loudest = states.reduce((a, s, t) => (s.h[k] > states[a].h[k] ? t : a), 0);
      this.querySelector("[data-part=gates]").innerHTML = this.gates(direction, k, loudest);
      const weight = this.model.classifier[direction === "forward" ? k : this.model.H + k];
      const h = states[loudest].h[k];
      this.querySelector("[data-part=story]").textContent =
        `Max pooling takes this unit's largest h, ${show(h)} at “${this.tokens[loudest]}”. ` +
        `Times its weight ${show(weight)}, it adds ${signed(h * weight)} to the logit.`;
    }

    gates(direction, k, loudest) {
      const rows = this.reading[direction].map((state, t) => {
        const numbers = Object.keys(COLORS).map((name) => cell(show(state[name][k]), state[name][k], LIMITS[name], COLORS[name]));
        return `<tr class="${t === loudest ? "now" : ""}"><th scope="row">${escape(this.tokens[t])}</th>${numbers.join("")}</tr>`;
      });
      const order = direction === "forward" ? "read downwards" : "read upwards, from the last word";
      return table(`Unit ${k}, ${direction} direction: ${order}`, ["word", ...Object.keys(COLORS)], rows);
    }
  }

  const LAYOUT =
    '<form><label>A sentence about a film<textarea rows="3"></textarea></label>' +
    '<div class="presets"><button type="submit">Load the model and read</button></div>' +
    '<div class="presets" role="group" aria-label="Examples">Examples: ' +
    Object.keys(EXAMPLES).map((name) => `<button type="button" data-example="${name}">${name}</button>`).join("") +
    '</div></form><p data-part="weight"></p><p data-part="answer" aria-live="polite"></p>' +
    '<div data-part="figures" hidden><div data-part="words"></div><p data-part="time"></p>' +
    '<fieldset><legend>The gates of one unit</legend><div class="choice">' +
    '<label>direction<select><option>forward</option><option>reverse</option></select></label>' +
    '<label class="step">unit<input type="range" min="0" max="0" step="1"><output></output></label>' +
    '<button type="button" data-do="strongest">Strongest unit</button></div>' +
    '<p data-part="story" aria-live="polite"></p><div data-part="gates"></div></fieldset></div>';

  customElements.define("lstm-review", LSTMReviewElement);
})();
