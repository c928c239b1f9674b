// <lstm-cell>: one LSTM unit with one input feature, to be moved by hand.
//
// `LSTMCellFigure.step` is the whole of the arithmetic; tests compare it with torch.nn.LSTMCell.
// The drawing is in the page, from lstm_tutorial/plots/diagrams; without scripts it stands still.
(() => {
  "use strict";

  const { number, limitOf, show, curve } = LSTMDrawing;
  const PACE = 1300; // milliseconds a step
  const GATES = ["i", "f", "g", "o"];
  const NAMES = { i: "input gate i", f: "forget gate f", g: "candidate g", o: "output gate o" };
  const flat = (i, f, g, o) => ({ i, f, g, o });
  const still = flat(0, 0, 0, 0);
  const PRESETS = {
    example: {
      story: "The worked example: x = 2, h = 0.5, c = 0.8.",
      weights: { w: flat(1, 0.5, -0.5, -0.5), u: flat(-1, 2, 0.5, 1), b: flat(0, 1, 0, 0.5) },
      start: { h: 0.5, c: 0.8 },
      input: [2, 0, 0, 1, 0, 0],
    },
    remember: {
      story: "Input valve shut, forget valve open: c stays as it is, whatever comes in.",
      weights: { w: flat(0, 0, 1, 0), u: still, b: flat(-8, 8, 0, 8) },
      start: { h: 0, c: 0.8 },
      input: [1, -1, 2, 0, -2, 1],
    },
    forget: {
      story: "Forget valve shut, input valve open: c holds the last input and nothing else.",
      weights: { w: flat(0, 0, 1, 0), u: still, b: flat(8, -8, 0, 8) },
      start: { h: 0, c: 0.8 },
      input: [1, -1, 2, 0, -2, 1],
    },
    ignore: {
      story: "Large inputs shut the input valve: only the small ones are written.",
      weights: { w: flat(-8, 0, 1, 0), u: still, b: flat(4, 8, 0, 8) },
      start: { h: 0, c: 0.8 },
      input: [0.2, 2, 0, 2, 0, 2],
    },
    count: {
      story: "Each input of 1 opens the input valve and adds nearly 1 to c.",
      weights: { w: flat(8, 0, 0, 0), u: still, b: flat(-4, 8, 4, 8) },
      start: { h: 0, c: 0 },
      input: [1, 0, 1, 1, 0, 1],
    },
  };

  const sigmoid = (a) => 1 / (1 + Math.exp(-a));

  function step(x, h, c, { w, u, b }) {
    const a = {};
    for (const gate of GATES) a[gate] = w[gate] * x + u[gate] * h + b[gate];
    const [i, f, g, o] = [sigmoid(a.i), sigmoid(a.f), Math.tanh(a.g), sigmoid(a.o)];
    const cNext = f * c + i * g;
    return { a, i, f, g, o, c: cNext, h: o * Math.tanh(cNext) };
  }

  /** Run a sequence: for each input the step, with the states before it. */
  function run(input, start, weights) {
    let state = start;
    return input.map((x) => {
      const before = state;
      state = step(x, before.h, before.c, weights);
      return { ...state, x: number(x), input: x, h0: before.h, c0: before.c };
    });
  }

  const short = (value) => number(value).replace(/\.?0+$/, "");
  const bracket = (text) => (text.startsWith("−") ? `(${text})` : text);
  const times = (a, b) => `${a}\u00a0·\u00a0${b}`; // a line breaks between its terms
  const equals = (value) => `=\u00a0${number(value)}`;

  /** The equations of a step with its numbers, by what they compute. */
  function equations({ input, h0, c0, i, f, g, o, c, h }, { w, u, b }) {
    const set = (value) => bracket(short(value));
    const gates = { i, f, g, o };
    const lines = GATES.map((gate) => [
      gate,
      `${gate} = ${gate === "g" ? "tanh" : "σ"}(${times(set(w[gate]), set(input))} + ` +
        `${times(set(u[gate]), set(h0))} + ${set(b[gate])}) ${equals(gates[gate])}`,
    ]);
    lines.push(["c", `cₜ = ${times(number(f), set(c0))} + ${times(number(i), bracket(number(g)))} ${equals(c)}`]);
    lines.push(["h", `hₜ = ${times(number(o), `tanh(${number(c)})`)} ${equals(h)}`]);
    return lines;
  }

  class LSTMCellElement extends HTMLElement {
    connectedCallback() {
      if (this.ready) return;
      this.ready = true;
      this.svg = this.querySelector(".lstm-drawing");
      this.box = this.querySelector(".curve");
      this.innerHTML = LAYOUT;
      this.querySelector("[data-part=picture]").append(this.svg, this.box);
      this.player = new LSTMPlayer(this, { pace: PACE, show: (t) => this.draw(t), name: (t) => this.place(t) });
      this.sliders = [...this.querySelectorAll("[data-name]")];
      for (const slider of this.sliders) slider.addEventListener("input", () => this.moved(slider));
      for (const button of this.querySelectorAll("[data-preset]"))
        button.addEventListener("click", () => this.choose(button.dataset.preset));
      this.choose("example");
    }

    disconnectedCallback() {
      this.player.pause();
    }

    choose(name) {
      const { weights, start, input, story } = PRESETS[name];
      this.weights = structuredClone(weights);
      Object.assign(this, { start, input });
      this.tell(name, story);
      this.restart();
    }

    tell(preset, story) {
      this.story = story;
      for (const button of this.querySelectorAll("[data-preset]"))
        button.setAttribute("aria-pressed", String(button.dataset.preset === preset));
    }

    restart() {
      this.steps = run(this.input, this.start, this.weights);
      this.limit = limitOf([this.start, ...this.steps]);
      this.player.reset(this.input.length);
    }

    /** A slider was moved: the sequence begins here, with what is shown now and this one number changed. */
    moved({ dataset: { name }, value }) {
      const { input, h0, c0 } = this.steps[this.player.at];
      const now = { x: input, h: h0, c: c0 };
      if (name in now) now[name] = Number(value);
      else {
        const [kind, gate] = name.split("-");
        this.weights[kind][gate] = Number(value);
        this.tell(null, "A unit with weights of your own.");
      }
      this.input = [now.x, ...this.input.slice(1)];
      this.start = { h: now.h, c: now.c };
      this.restart();
    }

    place(t) {
      const { x, c, h } = this.steps[t];
      return `step ${t + 1} of ${this.steps.length}: x = ${x}, c = ${number(c)}, h = ${number(h)}`;
    }

    draw(t) {
      const now = this.steps[t];
      show(this.svg, now, this.limit);
      for (const name of ["c", "h"])
        curve(this.box, name, [this.start[name], ...this.steps.slice(0, t + 1).map((s) => s[name])], this.steps.length + 1, this.limit);
      this.style.setProperty("--at", (t + 1) / this.steps.length);
      const values = { x: now.input, h: now.h0, c: now.c0 };
      for (const slider of this.sliders) {
        const [kind, gate] = slider.dataset.name.split("-");
        const value = gate ? this.weights[kind][gate] : values[kind];
        const text = number(value);
        slider.value = value; // it holds one decimal, within its limits; the texts are exact
        slider.nextElementSibling.textContent = text;
        slider.setAttribute("aria-valuetext", text);
      }
      for (const [name, text] of equations(now, this.weights)) {
        const line = this.querySelector(`[data-line="${name}"]`);
        line.classList.toggle("lit", line.textContent !== "" && line.textContent !== text);
        line.textContent = text;
      }
      this.querySelector("[data-part=story]").textContent = `${this.story} Now ${this.place(t)}.`;
    }
  }

  const slider = (name, label, limit) =>
    `<label>${label}<input type="range" data-name="${name}" min="-${limit}" max="${limit}" ` +
    `step="0.1" aria-label="${label}"><output></output></label>`;
  const gateSliders = (gate) =>
    `<fieldset><legend>${NAMES[gate]}</legend>` +
    slider(`w-${gate}`, `weight of x, gate ${gate}`, 8) +
    slider(`u-${gate}`, `weight of h, gate ${gate}`, 8) +
    slider(`b-${gate}`, `bias, gate ${gate}`, 8) +
    "</fieldset>";
  const LAYOUT =
    '<div class="presets" role="group" aria-label="Presets">' +
    Object.keys(PRESETS).map((p) => `<button type="button" data-preset="${p}">${p}</button>`).join("") +
    '</div><p data-part="story" aria-live="polite"></p><div data-part="picture"></div>' +
    LSTMPlayer.slider + LSTMPlayer.buttons +
    '<div class="sides"><fieldset><legend>What comes in</legend>' +
    slider("x", "input x", 3) + slider("h", "old hidden state h", 1) + slider("c", "old cell state c", 3) +
    '</fieldset><ul class="equations" aria-label="The equations with these numbers">' +
    [...GATES, "c", "h"].map((name) => `<li data-line="${name}"></li>`).join("") +
    "</ul></div>" +
    '<details><summary>Weights and biases</summary><div class="sides">' +
    GATES.map(gateSliders).join("") + "</div></details>";

  window.LSTMCellFigure = { step };
  customElements.define("lstm-cell", LSTMCellElement);
})();
