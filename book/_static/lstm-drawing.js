// What moves in a drawing of the cell, and in the curve below it.
//
// lstm_tutorial/plots/diagrams draws; a script sets custom properties, texts and the points of a
// line. A step is {x, h0, c0, i, f, g, o, c, h}; limit is the number at the rails.
(() => {
  "use strict";

  const number = (value) => value.toFixed(2).replace("-", "−").replace("−0.00", "0.00");
  const signed = (value) => (number(value).startsWith("−") ? `− ${number(value).slice(1)}` : `+ ${number(value)}`);

  /** The rails are at the next whole number above every state. */
  const limitOf = (states) => Math.max(1, Math.ceil(Math.max(...states.map((state) => Math.abs(state.c)))));

  // While it plays, streams move one after the other (drawing.css): what is written waits for them.
  const WAITS = { i: 250, f: 250, g: 250, o: 250, fc: 450, ig: 450, c: 700, h: 900 }; // milliseconds
  const pending = new WeakMap();

  /** Call functions, each [name of what it says, function], when what they say has moved. */
  function inTurn(svg, calls) {
    (pending.get(svg) ?? []).forEach(clearTimeout);
    const moves = svg.closest(".playing") && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    const timers = [];
    for (const [name, call] of calls) {
      const wait = moves ? (WAITS[name] ?? 0) : 0;
      if (wait) timers.push(setTimeout(call, wait));
      else call();
    }
    pending.set(svg, timers);
  }

  /** Show a step in a drawing; `then` is called when all of it has moved. */
  function show(svg, step, limit, then = () => {}) {
    const { h0, c0, i, f, g, o, c, h } = step;
    const streams = { c0, fc: f * c0, g0: g, ig: i * g, c, tc: Math.tanh(c), h0, h };
    for (const [name, value] of Object.entries(streams)) svg.style.setProperty(`--${name}`, value / limit);
    for (const [name, value] of Object.entries({ i, f, g, o })) svg.style.setProperty(`--${name}`, value);
    const texts = { x: step.x, c: `= ${number(c)}`, fc: `× ${number(f)}`, ig: signed(i * g), top: `+${limit}`, bottom: `−${limit}` };
    for (const [name, value] of Object.entries({ h0, c0, i, f, g, o, h })) texts[name] = number(value);
    const write = ([name, text]) => [name, () => (svg.querySelector(`[data-value="${name}"]`).textContent = text)];
    inTurn(svg, [...Object.entries(texts).map(write), ["h", then]]);
    svg.setAttribute(
      "aria-label",
      `One step of an LSTM unit: cell state ${number(c0)} before and ${number(c)} after; forget valve ` +
        `${number(f)}, input valve ${number(i)}, candidate ${number(g)}, output valve ${number(o)}; hidden state ${number(h)}.`,
    );
  }

  /** Draw a line through values, as far as they go; `count` of them fill the width. */
  function curve(box, name, values, count, limit = 1) {
    const last = Math.max(1, count - 1);
    const points = values.map((value, t) => `${t / last},${-value / limit}`).join(" ");
    box.querySelector(`[data-series="${name}"]`).setAttribute("points", points);
    box.querySelector(`[data-area="${name}"]`)?.setAttribute("points", `0,0 ${points} ${(values.length - 1) / last},0`);
    if (box.dataset.limit) box.dataset.limit = limit;
  }

  /** Let an equation and its part of the drawing light each other up: by mouse, touch and keyboard. */
  function light(figure) {
    const svg = figure.querySelector(".lstm-drawing");
    const buttons = [...figure.querySelectorAll("[data-lights]")];
    const parts = [...svg.querySelectorAll("[data-part]")];
    const set = (name) => {
      svg.classList.toggle("lighting", name !== null);
      for (const part of parts) part.classList.toggle("lit", part.dataset.part.split(" ").includes(name));
      for (const button of buttons) button.classList.toggle("lit", button.dataset.lights === name);
    };
    for (const button of buttons) {
      for (const event of ["mouseenter", "focus", "click"]) button.addEventListener(event, () => set(button.dataset.lights));
      for (const event of ["mouseleave", "blur"]) button.addEventListener(event, () => set(null));
    }
    for (const part of parts) {
      const name = part.dataset.part.split(" ")[0];
      if (!buttons.some((button) => button.dataset.lights === name)) continue;
      part.addEventListener("mouseenter", () => set(name));
      part.addEventListener("mouseleave", () => set(null));
    }
  }

  window.LSTMDrawing = { number, limitOf, show, curve, light };
  for (const list of document.querySelectorAll(".lstm-equations")) light(list.parentElement);
})();
