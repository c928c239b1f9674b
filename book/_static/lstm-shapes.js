// <lstm-shapes>: every shape of an nn.LSTM from its arguments and an input's shape.
//
// `LSTMShapes.describe` does the work; tests compare it with lstm_tutorial.describe.
// Without scripts the element shows what stands between its tags.
(() => {
  "use strict";

  const GATES = ["input gate i", "forget gate f", "candidate g", "output gate o"];
  const DIRECTIONS = ["forward", "reverse"];
  const product = (numbers) => numbers.reduce((a, b) => a * b, 1);

  /** Refuse what torch refuses, in its words and its order. */
  function check(o, shape) {
    const refuse = (isWrong, message) => {
      if (isWrong) throw new RangeError(message);
    };
    refuse(
      !(o.dropout >= 0 && o.dropout <= 1),
      "dropout should be a number in range [0, 1] representing the probability of an element being zeroed",
    );
    refuse(o.input_size <= 0, "input_size must be greater than zero");
    refuse(o.hidden_size <= 0, "hidden_size must be greater than zero");
    refuse(o.num_layers <= 0, "num_layers must be greater than zero");
    refuse(o.proj_size < 0, "proj_size should be a positive integer or zero to disable projections");
    refuse(o.proj_size >= o.hidden_size, "proj_size has to be smaller than hidden_size");
    const below = shape.find((size) => size < 0);
    refuse(
      below !== undefined,
      `Trying to create tensor with negative dimension ${below}: [${shape.join(", ")}]`,
    );
    refuse(
      shape.length !== 2 && shape.length !== 3,
      `LSTM: Expected input to be 2D or 3D, got ${shape.length}D instead`,
    );
    const came = shape.at(-1);
    refuse(
      came !== o.input_size,
      `input.size(-1) must be equal to input_size. Expected ${o.input_size}, got ${came}`,
    );
    const steps = shape.length === 3 && o.batch_first ? shape[1] : shape[0];
    refuse(steps === 0, "Expected sequence length to be larger than 0 in RNN");
  }

  /** Work out every shape: {parameters, inputs, outputs, parts, total, multiplyAdds}. */
  function describe(options, shape) {
    const o = { num_layers: 1, bias: true, batch_first: false, dropout: 0, bidirectional: false, proj_size: 0, ...options };
    check(o, shape);
    const isBatch = shape.length === 3;
    const leading = !isBatch ? ["L"] : o.batch_first ? ["N", "L"] : ["L", "N"];
    const sizes = { H_in: o.input_size, H_cell: o.hidden_size, H_out: o.proj_size || o.hidden_size };
    sizes.D = o.bidirectional ? 2 : 1;
    sizes.num_layers = o.num_layers;
    leading.forEach((letter, k) => (sizes[letter] = shape[k]));
    const row = (name, formula, meaning) => ({
      name,
      formula,
      meaning,
      shape: formula.map((axis) => product(axis.split("*").map((f) => sizes[f] ?? Number(f)))),
    });

    const parameters = [];
    for (let layer = 0; layer < o.num_layers; layer++)
      for (let d = 0; d < sizes.D; d++) {
        const end = `_l${layer}${d ? "_reverse" : ""}`;
        const where = `layer ${layer} ${DIRECTIONS[d]}`;
        const from = layer ? `layer ${layer - 1}` : "input";
        parameters.push(row(`weight_ih${end}`, ["4*H_cell", layer ? "D*H_out" : "H_in"], `${where}: ${from} to gates`));
        parameters.push(row(`weight_hh${end}`, ["4*H_cell", "H_out"], `${where}: earlier h to gates`));
        if (o.bias) {
          parameters.push(row(`bias_ih${end}`, ["4*H_cell"], `${where}: added to W_ih x`));
          parameters.push(row(`bias_hh${end}`, ["4*H_cell"], `${where}: added to W_hh h`));
        }
        if (o.proj_size) parameters.push(row(`weight_hr${end}`, ["H_out", "H_cell"], `${where}: o * tanh(c) to h`));
      }

    const state = (name, width, meaning) =>
      row(name, ["D*num_layers", ...(isBatch ? ["N"] : []), width], meaning);
    const inputs = [
      row("input", [...leading, "H_in"], "what the module is called with"),
      state("h_0", "H_out", "hx[0]; zeros if hx is not given"),
      state("c_0", "H_cell", "hx[1]; zeros if hx is not given"),
    ];
    const outputs = [
      row("output", [...leading, "D*H_out"], "h of the last layer at every step"),
      state("h_n", "H_out", "h after each sequence's last step"),
      state("c_n", "H_cell", "c after each sequence's last step"),
    ];

    const parts = [];
    const top = o.num_layers - 1;
    const width = sizes.H_out;
    const cuts = sizes.D === 2 ? [`[..., :${width}]`, `[..., ${width}:]`] : [""];
    cuts.forEach((cut, d) =>
      parts.push({
        expression: `output${cut}`,
        shape: [...leading.map((letter) => sizes[letter]), width],
        meaning: `layer ${top} ${DIRECTIONS[d]}, every step`,
        equals: "",
      }),
    );
    const inOutput = (d) => {
      const time = d ? "0" : "-1";
      const index = !isBatch ? [time] : o.batch_first ? [":", time] : [time, ":"];
      if (sizes.D === 2) index.push(d ? `${width}:` : `:${width}`);
      else if (index.at(-1) === ":") index.pop();
      return `output[${index.join(", ")}]`;
    };
    for (const { name, shape: of } of outputs.slice(1))
      for (let k = 0; k < of[0]; k++) {
        const [layer, d] = [Math.floor(k / sizes.D), k % sizes.D];
        parts.push({
          expression: `${name}[${k}]`,
          shape: of.slice(1),
          meaning: `layer ${layer} ${DIRECTIONS[d]}, ${d ? "after step 0, where it ends" : "after the last step"}`,
          equals: name === "h_n" && layer === top ? inOutput(d) : "",
        });
      }

    const count = (rows) => rows.reduce((sum, r) => sum + product(r.shape), 0);
    const steps = sizes.L * (sizes.N ?? 1);
    const multiplyAdds = steps * count(parameters.filter((r) => r.name.startsWith("weight")));
    return { parameters, inputs, outputs, parts, total: count(parameters), multiplyAdds };
  }

  /** What torch warns of when it makes the module, else nothing. */
  function warning({ dropout, num_layers }) {
    if (!(dropout > 0) || num_layers !== 1) return "";
    return (
      "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects " +
      `num_layers greater than 1, but got dropout=${dropout} and num_layers=${num_layers}`
    );
  }

  /** Write the call that has these shapes. */
  function code(o, shape) {
    const named = ["num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size"]
      .filter((name) => o[name] !== { num_layers: 1, bias: true, dropout: 0, proj_size: 0 }[name] && o[name] !== undefined)
      .filter((name) => !(o[name] === false && name !== "bias"))
      .map((name) => `, ${name}=${o[name] === true ? "True" : o[name] === false ? "False" : o[name]}`);
    return (
      "import torch\n\n" +
      `lstm = torch.nn.LSTM(${o.input_size}, ${o.hidden_size}${named.join("")})\n` +
      `output, (h_n, c_n) = lstm(torch.randn(${shape.join(", ")}))\n` +
      "print(output.shape, h_n.shape, c_n.shape)"
    );
  }

  const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  const tuple = (numbers) => `(${numbers.join(", ")}${numbers.length === 1 ? "," : ""})`;
  const CLASSES = { "what it holds": ' class="words"', formula: ' class="formula"' };
  const said = (name) => CLASSES[name] ?? "";
  const table = (title, head, rows) =>
    `<div class="scroll" role="region" tabindex="0" aria-label="${title}"><table><caption>${title}</caption><thead><tr>` +
    head.map((cell) => `<th scope="col"${said(cell)}>${cell}</th>`).join("") +
    "</tr></thead><tbody>" +
    rows.map((r) => `<tr>${r.map((cell, k) => (k ? `<td${said(head[k])}>${escape(cell)}</td>` : `<th scope="row">${escape(cell)}</th>`)).join("")}</tr>`).join("") +
    "</tbody></table></div>";

  // What to change, where torch's words do not say it.
  const remedy = (message) => {
    if (message.startsWith("input.size(-1)")) return " To fix it: the last number of the shape is input_size.";
    if (message.includes("to be 2D or 3D")) return " To fix it: a batch is (L, N, H_in), or (N, L, H_in) with batch_first; one sequence is (L, H_in).";
    if (message.startsWith("proj_size has")) return " To fix it: a smaller proj_size, or 0 for none.";
    return "";
  };

  const NUMBERS = { input_size: 128, hidden_size: 256, num_layers: 1, proj_size: 0 };
  const SWITCHES = { bias: true, batch_first: false, bidirectional: true };
  const LAYOUT =
    '<form class="fields" aria-label="Arguments of nn.LSTM">' +
    Object.entries(NUMBERS)
      .map(([name, value]) => `<label>${name}<input type="number" name="${name}" value="${value}" step="1"></label>`)
      .join("") +
    '<label>dropout<input type="number" name="dropout" value="0" step="0.1" min="0" max="1"></label>' +
    '<label>shape of the input<input name="shape" value="10, 32, 128" inputmode="text" autocomplete="off"></label>' +
    Object.entries(SWITCHES)
      .map(([name, on]) => `<label class="switch"><input type="checkbox" name="${name}"${on ? " checked" : ""}>${name}</label>`)
      .join("") +
    '</form><div data-part="answer" aria-live="polite"></div>';

  const BLOCK = '<label class="slice">Slice<select></select></label><div data-part="block"></div><p data-part="lit"></p>';

  class LSTMShapesElement extends HTMLElement {
    connectedCallback() {
      if (this.ready) return;
      this.ready = true;
      this.innerHTML = LAYOUT;
      this.form = this.querySelector("form");
      this.form.addEventListener("input", () => this.draw());
      this.form.addEventListener("submit", (event) => event.preventDefault());
      this.draw();
    }

    read() {
      const whole = (text, what) => {
        if (!/^-?\d+$/.test(text.trim())) throw new RangeError(`${what}: expected a whole number, got "${text}"`);
        if (!Number.isSafeInteger(Number(text))) throw new RangeError(`${what}: ${text.trim()} is more than this table can count`);
        return Number(text);
      };
      const { elements } = this.form;
      const options = {};
      for (const name of Object.keys(NUMBERS)) options[name] = whole(elements[name].value, name);
      options.dropout = elements.dropout.value.trim() === "" ? NaN : Number(elements.dropout.value);
      for (const name of Object.keys(SWITCHES)) options[name] = elements[name].checked;
      const text = elements.shape.value.replace(/[()[\]]/g, "").replace(/,\s*$/, "");
      return [options, text.split(",").map((size) => whole(size, "shape of the input"))];
    }

    draw() {
      const answer = this.querySelector('[data-part="answer"]');
      try {
        const [options, shape] = this.read();
        if (options.num_layers > 50) throw new RangeError("this table stops at 50 layers; nn.LSTM does not");
        const warned = warning(options) && `<p class="warning">torch warns: ${escape(warning(options))}</p>`;
        const found = describe(options, shape);
        if (![found.total, found.multiplyAdds].every(Number.isSafeInteger))
          throw new RangeError("this is more than this table can count");
        const isOpen = answer.querySelector("details")?.open;
        const chosen = answer.querySelector("select")?.value;
        answer.classList.remove("refused");
        answer.innerHTML = warned + this.tables(found, code(options, shape));
        answer.querySelector("details").open = isOpen;
        this.picture(LSTMBlock.about(options, shape), chosen);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const said = `<p class="error" role="alert">${escape(error.message)}${escape(remedy(error.message))}</p>`;
        answer.querySelectorAll(".error, .warning").forEach((old) => old.remove());
        answer.insertAdjacentHTML("afterbegin", said); // the last result stays below it
        answer.classList.add("refused");
        return;
      }
      answer.querySelector("button").addEventListener("click", (event) => this.copy(event.target));
    }

    tables(found, program) {
      const shapes = (rows) => rows.map((r) => [r.name, tuple(r.shape), tuple(r.formula), r.meaning]);
      const head = ["name", "shape", "formula", "what it holds"];
      const counted = found.parameters.map((r) => product(r.shape).toLocaleString("en"));
      return (
        table("What comes out", head, shapes(found.outputs)) +
        BLOCK +
        table("Which slice is which", ["slice", "shape", "what it holds", "equals"],
          found.parts.map((p) => [p.expression, tuple(p.shape), p.meaning, p.equals])) +
        `<p><strong>${found.total.toLocaleString("en")}</strong> parameters, ` +
        `<strong>${found.multiplyAdds.toLocaleString("en")}</strong> multiply-adds in one forward pass.</p>` +
        "<details><summary>Parameters, and what goes in</summary>" +
        table("What goes in", head, shapes(found.inputs)) +
        table("Parameters", [...head, "count"], shapes(found.parameters).map((r, k) => [...r, counted[k]])) +
        `<p>Rows of each weight_ih, weight_hh and bias, a quarter each: ${GATES.join(", ")}.</p></details>` +
        `<pre>${escape(program)}</pre><button type="button">Copy the code</button>`
      );
    }

    /** Light a slice in the picture of output: the one that was chosen before, or the last step. */
    picture(about, chosen) {
      const [select, picture, said] = ["select", "[data-part=block]", "[data-part=lit]"].map((part) => this.querySelector(part));
      const slices = LSTMBlock.choices(about);
      const names = slices.map(({ expression }) => expression);
      select.innerHTML = names.map((name) => `<option>${name}</option>`).join("");
      select.value = names.includes(chosen) ? chosen : names[about.sizes.D === 2 ? 3 : 1];
      const light = () => {
        picture.innerHTML = LSTMBlock.draw(slices[select.selectedIndex], about);
        said.textContent = LSTMBlock.told(slices[select.selectedIndex], about);
      };
      select.addEventListener("change", light);
      light();
    }

    copy(button) {
      const text = this.querySelector("pre").textContent;
      const area = document.createElement("textarea"); // works from disk, where the clipboard API may not
      area.value = text;
      this.append(area);
      area.select();
      const isDone = document.execCommand("copy");
      area.remove();
      button.focus();
      button.textContent = isDone ? "Copied" : "Select it and copy it by hand";
    }
  }

  window.LSTMShapes = { describe, warning, code };
  customElements.define("lstm-shapes", LSTMShapesElement);
})();
