// <lstm-packing>: sentences of your own, padded and packed, and what the reverse direction reads.
//
// `LSTMPacking` does the work; tests compare it with torch's pack_padded_sequence.
// Without scripts the element shows what stands between its tags.
(() => {
  "use strict";

  const EXAMPLES = {
    "of this page": "a film to remember\ndull\nnot bad at all really",
    "some equally long": "so dull\nvery good\nall too long\nnever again",
    "with an empty one": "a film to remember\n\nnot bad",
  };
  const TONES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
  const MOST = { sentences: 16, words: 24 };

  /** Cut a text into sentences, one per line, and each into words. */
  function read(text) {
    const body = text.replace(/\n+$/, "");
    return body === "" ? [] : body.split("\n").map((line) => line.split(/\s+/).filter(Boolean));
  }

  /** Pack as torch does with enforce_sorted=False: data as [n, t], in the order of `data`. */
  function pack(lengths) {
    if (!lengths.length) throw new RangeError("Cannot pack empty tensors.");
    if (Math.min(...lengths) <= 0)
      throw new RangeError(
        "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0",
      );
    const sorted = lengths.map((_, n) => n).sort((a, b) => lengths[b] - lengths[a]);
    const unsorted = [];
    sorted.forEach((n, place) => (unsorted[n] = place));
    const steps = [...Array(Math.max(...lengths)).keys()];
    const batchSizes = steps.map((t) => lengths.filter((length) => length > t).length);
    const data = steps.flatMap((t) => sorted.slice(0, batchSizes[t]).map((n) => [n, t]));
    return { sorted, unsorted, batchSizes, data };
  }

  /** For each sentence the step t that the reverse direction reads, first to last; null: nothing. */
  function reverse(lengths) {
    const times = [...Array(Math.max(...lengths)).keys()].reverse();
    return {
      packed: lengths.map((length) => times.map((t) => (t < length ? t : null))),
      padded: lengths.map(() => times),
    };
  }

  const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  const list = (numbers) => `[${numbers.join(", ")}]`;
  const range = (size) => [...Array(size).keys()];
  const names = (numbers) =>
    numbers.length < 2 ? numbers.join("") : `${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`;
  const table = (title, head, rows) =>
    `<div class="scroll" role="region" tabindex="0" aria-label="${title}"><table><caption>${title}</caption>` +
    `<thead>${head}</thead><tbody>${rows.map((row) => `<tr>${row}</tr>`).join("")}</tbody></table></div>`;
  const column = (text, span = 1) => `<th scope="col" colspan="${span}">${text}</th>`;
  const row = (text) => `<th scope="row">${text}</th>`;

  class LSTMPackingElement extends HTMLElement {
    connectedCallback() {
      if (this.ready) return;
      this.ready = true;
      this.innerHTML = LAYOUT;
      this.area = this.querySelector("textarea");
      this.slider = this.querySelector("input[type=range]");
      this.area.addEventListener("input", () => this.draw());
      this.slider.addEventListener("input", () => this.stop() ?? this.show());
      for (const button of this.querySelectorAll("[data-example]"))
        button.addEventListener("click", () => this.choose(button.dataset.example));
      this.querySelector("[data-do=next]").addEventListener("click", () => this.stop() ?? this.next());
      this.querySelector("[data-do=play]").addEventListener("click", () => this.play());
      this.choose(Object.keys(EXAMPLES)[0]);
    }

    disconnectedCallback() {
      this.stop();
    }

    stop() {
      clearTimeout(this.timer);
    }

    choose(example) {
      this.area.value = EXAMPLES[example];
      this.draw();
    }

    draw() {
      this.stop();
      this.sentences = read(this.area.value);
      this.lengths = this.sentences.map((words) => words.length);
      const answer = this.querySelector("[data-part=answer]");
      const figures = this.querySelector("[data-part=figures]");
      try {
        if (this.lengths.length > MOST.sentences || Math.max(...this.lengths) > MOST.words)
          throw new RangeError(TOO_MUCH);
        this.packed = pack(this.lengths);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        answer.innerHTML = `<span class="error">${escape(error.message)}</span>`;
        figures.hidden = true;
        return;
      }
      figures.hidden = false;
      answer.textContent = this.summary();
      this.querySelector("[data-part=batch]").innerHTML = this.paddedTable() + this.indices() + this.packedTable();
      this.slider.max = Math.max(...this.lengths) - 1;
      this.slider.value = 0;
      this.drawReverse();
    }

    summary() {
      const [N, L] = [this.lengths.length, Math.max(...this.lengths)];
      const valid = this.packed.data.length;
      return `Padded: ${N} × ${L} = ${N * L} cells, ${N * L - valid} of them padding. Packed: ${valid} cells, no padding.`;
    }

    cell(n, t, mark = "") {
      if (t >= this.lengths[n]) return `<td class="padding ${mark}">padding</td>`;
      const style = `--tone: ${TONES[n % TONES.length]}`;
      return `<td class="word ${mark}" style="${style}">${escape(this.sentences[n][t])}<small>n ${n}, t ${t}</small></td>`;
    }

    paddedTable() {
      const times = range(Math.max(...this.lengths));
      const head = `<tr>${column("sentence")}${LENGTH}${times.map((t) => column(`t = ${t}`)).join("")}</tr>`;
      const rows = this.lengths.map(
        (length, n) => `${row(`n = ${n}`)}<td class="length">${length}</td>${times.map((t) => this.cell(n, t)).join("")}`,
      );
      return table("Padded", head, rows);
    }

    indices() {
      const { sorted, unsorted, batchSizes } = this.packed;
      const lines = { lengths: this.lengths, sorted_indices: sorted, unsorted_indices: unsorted, batch_sizes: batchSizes };
      const pairs = Object.entries(lines).map(([name, of]) => `<div><dt>${name}</dt><dd data-list="${name}">${list(of)}</dd></div>`);
      return `<dl>${pairs.join("")}</dl>`;
    }

    packedTable() {
      const { batchSizes, data } = this.packed;
      const head = `<tr>${column("step")}${batchSizes.map((size, t) => column(`t = ${t}`, size)).join("")}</tr>`;
      const sizes = batchSizes.map((size) => `<td class="size" colspan="${size}">${size}</td>`);
      const cells = data.map(([n, t]) => this.cell(n, t));
      return table("Packed", head, [row("batch_<wbr>sizes") + sizes.join(""), row("data") + cells.join("")]);
    }

    drawReverse() {
      const reads = reverse(this.lengths);
      const times = reads.padded[0];
      const head = `<tr>${column("reads")}${times.map((t, s) => column(`step ${s}<small>t = ${t}</small>`)).join("")}</tr>`;
      const rows = (kind) =>
        reads[kind].map(
          (seen, n) =>
            row(`n = ${n}`) + seen.map((t) => (t === null ? '<td class="wait">waits</td>' : this.cell(n, t))).join(""),
        );
      this.querySelector("[data-part=reverse]").innerHTML =
        table("Right: reverse direction, packed", head, rows("packed")) +
        table("Wrong: reverse direction, padded", head, rows("padded"));
      this.show();
    }

    show() {
      const s = Number(this.slider.value);
      const where = `step ${s}, t = ${this.slider.max - s}`;
      this.slider.nextElementSibling.textContent = where;
      this.slider.setAttribute("aria-valuetext", where);
      this.querySelector("[data-part=story]").textContent = this.tell(s, this.slider.max - s);
      for (const line of this.querySelectorAll("[data-part=reverse] tr"))
        [...line.children].forEach((cell, k) => cell.classList.toggle("now", k === s + 1));
    }

    tell(s, t) {
      const everyone = range(this.lengths.length);
      const late = everyone.filter((n) => this.lengths[n] <= t);
      const words = everyone.filter((n) => this.lengths[n] > t).map((n) => `“${this.sentences[n][t]}”`);
      const reads = `Step ${s} reads t = ${t}: ${names(words)}.`;
      const [who, one] = [`n = ${names(late)}`, late.length === 1];
      if (late.length)
        return (
          `${reads} Packed, ${who} ${one ? "has" : "have"} not begun: the state is still h₀. ` +
          `Padded, ${who} ${one ? "reads" : "read"} padding, and the state moves.`
        );
      const late0 = everyone.filter((n) => this.lengths[n] <= this.slider.max);
      if (!late0.length) return `${reads} All are equally long: packed and padded read the same.`;
      return `${reads} Padded, n = ${names(late0)} came here with a state that padding has moved.`;
    }

    next() {
      this.slider.value = Number(this.slider.value) < Number(this.slider.max) ? Number(this.slider.value) + 1 : 0;
      this.show();
    }

    play() {
      this.stop();
      this.slider.value = 0;
      this.show();
      const pause = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 1200;
      const go = () => {
        if (Number(this.slider.value) >= Number(this.slider.max)) return;
        this.next();
        this.timer = setTimeout(go, pause);
      };
      this.timer = setTimeout(go, pause);
    }
  }

  const TOO_MUCH =
    `This figure stops at ${MOST.sentences} sentences of ${MOST.words} words; torch does not. ` +
    `(From ${MOST.sentences + 1} sentences on its sort no longer keeps equally long ones in your order.)`;
  const LENGTH = '<th scope="col" class="length">length</th>';
  const LAYOUT =
    '<label>Sentences, one per line<textarea rows="4" spellcheck="false"></textarea></label>' +
    '<div class="presets" role="group" aria-label="Examples">' +
    Object.keys(EXAMPLES).map((name) => `<button type="button" data-example="${name}">${name}</button>`).join("") +
    '</div><p data-part="answer" aria-live="polite"></p><div data-part="figures"><div data-part="batch"></div>' +
    '<label class="step">Follow the reverse direction<input type="range" min="0" step="1" value="0"><output></output></label>' +
    '<div class="presets"><button type="button" data-do="next">Next step</button>' +
    '<button type="button" data-do="play">Play</button></div>' +
    '<p data-part="story" aria-live="polite"></p><div data-part="reverse"></div></div>';

  window.LSTMPacking = { read, pack, reverse };
  customElements.define("lstm-packing", LSTMPackingElement);
})();
