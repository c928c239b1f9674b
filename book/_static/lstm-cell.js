// <lstm-cell>: one LSTM unit with one input feature, to be moved by hand.
//
// `LSTMCellFigure.step` is the whole of the arithmetic; tests compare it with torch.nn.LSTMCell.
// Without scripts the element shows what stands between its tags.
(() => {
  "use strict";

  const GATES = ["i", "f", "g", "o"];
  const NAMES = { i: "input gate i", f: "forget gate f", g: "candidate g", o: "output gate o" };
  const EXAMPLE = {
    w: { i: 1, f: 0.5, g: -0.5, o: -0.5 },
    u: { i: -1, f: 2, g: 0.5, o: 1 },
    b: { i: 0, f: 1, g: 0, o: 0.5 },
  };
  const flat = (i, f, g, o) => ({ i, f, g, o });
  const still = flat(0, 0, 0, 0);
  const PRESETS = {
    example: { weights: EXAMPLE, input: [2, 0, 0, 1, 0, 0] },
    remember: {
      weights: { w: flat(0, 0, 1, 0), u: still, b: flat(-8, 8, 0, 8) },
      input: [1, -1, 2, 0, -2, 1],
    },
    forget: {
      weights: { w: flat(0, 0, 1, 0), u: still, b: flat(8, -8, 0, 8) },
      input: [1, -1, 2, 0, -2, 1],
    },
    ignore: {
      weights: { w: flat(-8, 0, 1, 0), u: still, b: flat(4, 8, 0, 8) },
      input: [0.2, 2, 0, 2, 0, 2],
    },
    count: {
      weights: { w: flat(8, 0, 0, 0), u: still, b: flat(-4, 8, 4, 8) },
      input: [1, 0, 1, 1, 0, 1],
    },
  };
  const STORY = {
    example: "The worked example of the chapter on gates, at x = 2, h = 0.5, c = 0.8.",
    remember: "Input gate shut, forget gate open: c stays as it is, whatever comes in.",
    forget: "Forget gate shut, input gate open: c holds the last input alone.",
    ignore: "Large inputs shut the input gate: only the small ones are written.",
    count: "Each input of 1 opens the input gate and adds nearly 1 to c.",
  };

  const sigmoid = (a) => 1 / (1 + Math.exp(-a));

  function step(x, h, c, { w, u, b }) {
    const a = {};
    for (const gate of GATES) a[gate] = w[gate] * x + u[gate] * h + b[gate];
    const [i, f, g, o] = [sigmoid(a.i), sigmoid(a.f), Math.tanh(a.g), sigmoid(a.o)];
    const cNext = f * c + i * g;
    return { a, i, f, g, o, c: cNext, h: o * Math.tanh(cNext) };
  }

  const show = (value) => value.toFixed(2).replace("-", "−").replace("−0.00", "0.00");
  const short = (value) => show(value).replace(/\.?0+$/, "");
  const bracket = (text) => (text.startsWith("−") ? `(${text})` : text);
  const times = (a, b) => `${a}\u00a0·\u00a0${b}`; // a line breaks between its terms
  const equals = (value) => `=\u00a0${show(value)}`;

  class LSTMCellElement extends HTMLElement {
    connectedCallback() {
      if (this.ready) return;
      this.ready = true;
      this.trace = [];
      this.exact = {};
      this.innerHTML = LAYOUT;
      this.sliders = [...this.querySelectorAll("input[type=range]")];
      for (const slider of this.sliders) slider.addEventListener("input", () => this.moved(slider.dataset.name));
      for (const button of this.querySelectorAll("button[data-preset]"))
        button.addEventListener("click", () => this.choose(button.dataset.preset));
      this.querySelector("[data-do=step]").addEventListener("click", () => {
        clearTimeout(this.timer);
        this.forward();
      });
      this.querySelector("[data-do=play]").addEventListener("click", () => this.play());
      this.choose("example");
    }

    disconnectedCallback() {
      clearTimeout(this.timer);
    }

    value(name) {
      return this.exact[name]; // a slider holds one decimal, within its limits
    }

    set(name, value) {
      this.exact[name] = value;
      this.querySelector(`[data-name="${name}"]`).value = value;
    }

    weights() {
      const read = (kind) => Object.fromEntries(GATES.map((g) => [g, this.value(`${kind}-${g}`)]));
      return { w: read("w"), u: read("u"), b: read("b") };
    }

    choose(preset) {
      clearTimeout(this.timer);
      const { weights, input } = PRESETS[preset];
      for (const kind of ["w", "u", "b"])
        for (const gate of GATES) this.set(`${kind}-${gate}`, weights[kind][gate]);
      this.input = input;
      this.start = preset === "example" ? { h: 0.5, c: 0.8 } : { h: 0, c: preset === "count" ? 0 : 0.8 };
      this.restart();
      this.tell(preset, STORY[preset]);
    }

    tell(preset, story) {
      this.querySelector("[data-part=story]").textContent = story;
      for (const button of this.querySelectorAll("button[data-preset]"))
        button.setAttribute("aria-pressed", String(button.dataset.preset === preset));
    }

    restart() {
      this.at = 0;
      this.trace = [];
      this.set("x", this.input[0]);
      this.set("h", this.start.h);
      this.set("c", this.start.c);
      this.draw();
    }

    moved(name) {
      clearTimeout(this.timer);
      this.exact[name] = Number(this.querySelector(`[data-name="${name}"]`).value);
      if (name.includes("-")) this.tell(null, "A unit with weights of your own.");
      this.trace = [];
      this.at = 0;
      this.draw();
    }

    forward() {
      if (this.at >= this.input.length) return this.restart();
      this.set("x", this.input[this.at]);
      const state = this.trace.at(-1) ?? { h: this.value("h"), c: this.value("c") };
      const after = step(this.input[this.at], state.h, state.c, this.weights());
      this.set("h", state.h);
      this.set("c", state.c);
      this.at += 1;
      this.draw(state);
      this.trace.push({ x: this.input[this.at - 1], h: after.h, c: after.c });
      this.drawTrace();
    }

    play() {
      clearTimeout(this.timer);
      this.restart();
      const pause = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 700;
      const next = () => {
        this.forward();
        if (this.at < this.input.length) this.timer = setTimeout(next, pause);
      };
      next();
    }

    draw(state = { h: this.value("h"), c: this.value("c") }) {
      const weights = this.weights();
      const x = this.value("x");
      const result = step(x, state.h, state.c, weights);
      for (const slider of this.sliders) {
        const text = show(this.value(slider.dataset.name));
        slider.nextElementSibling.textContent = text;
        slider.setAttribute("aria-valuetext", text);
      }
      for (const name of [...GATES, "c", "h"]) this.bar(name, result[name]);
      const { w, u, b } = weights;
      const set = (value) => bracket(short(value));
      const lines = {};
      for (const gate of GATES)
        lines[gate] =
          `${gate} = ${gate === "g" ? "tanh" : "σ"}(${times(set(w[gate]), set(x))} + ` +
          `${times(set(u[gate]), set(state.h))} + ${set(b[gate])}) ${equals(result[gate])}`;
      lines.c =
        `c′ = ${times(show(result.f), set(state.c))} + ` +
        `${times(show(result.i), bracket(show(result.g)))} ${equals(result.c)}`;
      lines.h = `h′ = ${times(show(result.o), `tanh(${show(result.c)})`)} ${equals(result.h)}`;
      for (const [name, text] of Object.entries(lines)) {
        const line = this.querySelector(`[data-line="${name}"]`);
        line.classList.toggle("lit", line.textContent !== "" && line.textContent !== text);
        line.textContent = text;
      }
      this.drawTrace();
    }

    bar(name, value) {
      const row = this.querySelector(`[data-bar="${name}"]`);
      const clipped = Math.max(-3, Math.min(3, value));
      const range = name === "c" ? 3 : 1;
      const half = (50 * Math.abs(clipped)) / range;
      const fill = row.querySelector("span");
      fill.style.width = `${Math.min(50, half)}%`;
      fill.style.left = clipped < 0 ? `${50 - Math.min(50, half)}%` : "50%";
      row.nextElementSibling.textContent = show(value);
    }

    drawTrace() {
      const cells = (get) =>
        this.input.map((_, t) => `<td>${t < this.trace.length ? show(get(this.trace[t])) : "–"}</td>`);
      const head = this.input
        .map((x, t) => `<td class="${t === this.at - 1 ? "now" : ""}">${show(x)}</td>`)
        .join("");
      this.querySelector("tbody").innerHTML =
        `<tr><th scope="row">x</th>${head}</tr>` +
        `<tr><th scope="row">c′</th>${cells((s) => s.c).join("")}</tr>` +
        `<tr><th scope="row">h′</th>${cells((s) => s.h).join("")}</tr>`;
      const button = this.querySelector("[data-do=step]");
      button.textContent = this.at >= this.input.length ? "Start again" : "Next step";
    }
  }

  const slider = (name, label, limit) =>
    `<label>${label}<input type="range" data-name="${name}" min="-${limit}" max="${limit}" ` +
    `step="0.1" aria-label="${label}"><output></output></label>`;
  const gateSliders = (gate) =>
    `<fieldset data-gate="${gate}"><legend>${NAMES[gate]}</legend>` +
    slider(`w-${gate}`, `weight of x, gate ${gate}`, 8) +
    slider(`u-${gate}`, `weight of h, gate ${gate}`, 8) +
    slider(`b-${gate}`, `bias, gate ${gate}`, 8) +
    "</fieldset>";
  const bar = (name, label) =>
    `<div class="bar"><span>${label}</span>` +
    `<span class="track" data-bar="${name}"><span></span></span><output></output></div>`;
  const line = (name) => `<li data-line="${name}"></li>`;
  const LAYOUT =
    '<div class="presets" role="group" aria-label="Presets">' +
    Object.keys(PRESETS).map((p) => `<button type="button" data-preset="${p}">${p}</button>`).join("") +
    '</div><p data-part="story" aria-live="polite"></p>' +
    '<div class="sides"><div>' +
    '<fieldset><legend>what comes in</legend>' +
    slider("x", "input x", 3) + slider("h", "old hidden state h", 1) + slider("c", "old cell state c", 3) +
    "</fieldset>" +
    '<div class="bars">' + GATES.map((g) => bar(g, NAMES[g])).join("") +
    bar("c", "new cell state c′") + bar("h", "new hidden state h′") + "</div></div>" +
    '<div><ul class="equations" aria-label="The equations with these numbers">' +
    [...GATES, "c", "h"].map(line).join("") + "</ul>" +
    '<div class="trace"><table><caption>A short sequence</caption><tbody></tbody></table></div>' +
    '<div class="presets"><button type="button" data-do="step">Next step</button>' +
    '<button type="button" data-do="play">Play</button></div></div></div>' +
    "<details><summary>Weights and biases</summary><div class=\"gates\">" +
    GATES.map(gateSliders).join("") + "</div></details>";

  window.LSTMCellFigure = { step };
  customElements.define("lstm-cell", LSTMCellElement);
})();
