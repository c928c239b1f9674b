// The picture in <lstm-shapes>: output as a block, h_n and c_n as rows, and the slice that was chosen.
//
// `LSTMBlock.choices` says which numbers an expression selects; tests compare it with torch.
(() => {
  "use strict";

  const DIRECTIONS = ["forward", "reverse"];
  const COLUMNS = 12; // a longer sequence is drawn with a gap
  const FRONT = { x: 30, y: 50, width: 156, height: 96 };
  const DEPTH = { x: 22, y: -18 };
  const STACKS = { h_n: 256, c_n: 310 }; // left edges
  const ROW = 40; // width

  /** Gather what the picture needs of the arguments of a module and the shape of its input. */
  function about(options, shape) {
    const [isBatch, batchFirst] = [shape.length === 3, Boolean(options.batch_first)];
    const [L, N] = isBatch && batchFirst ? [shape[1], shape[0]] : [shape[0], isBatch ? shape[1] : 1];
    const D = options.bidirectional ? 2 : 1;
    return { sizes: { L, N, D, H_out: options.proj_size || options.hidden_size, num_layers: options.num_layers ?? 1 }, isBatch, batchFirst };
  }

  /** List the slices to choose from: {expression, steps, features, rows, h, meaning}; null: nothing. */
  function choices({ sizes, isBatch, batchFirst }) {
    const { L, D, H_out: width, num_layers: layers } = sizes;
    const [last, all] = [L - 1, [0, D * width - 1]];
    const half = (d) => [d * width, (d + 1) * width - 1];
    const index = (time, cut) => {
      const axes = !isBatch ? [time] : batchFirst ? [":", time] : [time, ":"];
      if (cut) axes.push(cut);
      else if (axes.at(-1) === ":") axes.pop();
      return `output[${axes.join(", ")}]`;
    };
    const cut = (d) => (D === 1 ? "" : d ? `${width}:` : `:${width}`);
    const found = [{ expression: "output", steps: [0, last], features: all, meaning: "the last layer's h at every step" }];
    if (D === 2)
      DIRECTIONS.forEach((name, d) =>
        found.push({ expression: `output[..., ${cut(d)}]`, steps: [0, last], features: half(d), meaning: `the ${name} direction at every step` }));
    found.push({
      expression: index("-1"), steps: [last, last], features: all,
      meaning: D === 2 ? "the forward direction has read every step, the reverse direction one" : "the direction has read every step",
    });
    for (const name of ["h_n", "c_n"])
      for (let k = 0; k < D * layers; k++) {
        const [layer, d] = [Math.floor(k / D), k % D];
        const inOutput = name === "h_n" && layer === layers - 1;
        const end = d ? 0 : last;
        found.push({
          expression: `${name}[${k}]`, name, row: k,
          steps: inOutput ? [end, end] : null,
          features: inOutput ? half(d) : null,
          equals: inOutput ? index(d ? "0" : "-1", cut(d)) : "",
          meaning: `layer ${layer} ${DIRECTIONS[d]}, where it ends`,
        });
      }
    return found;
  }

  const range = ([from, to], one, many) => (from === to ? `${one} ${from}` : `${many} ${from} to ${to}`);

  /** Say what is lit: the text alternative, and the line below the picture. */
  function told(choice, { sizes, isBatch }) {
    const { expression, steps, features, equals, meaning, name } = choice;
    const where = steps && `${range(steps, "step", "steps")}, ${range(features, "feature", "features")}` +
      (isBatch ? ", every sequence" : "");
    if (!name) return `${expression}: ${where}. Here ${meaning}.`;
    if (equals) return `${expression}: ${meaning}. The same numbers are ${equals}: ${where}.`;
    const why = name === "c_n" ? "output holds h, not c" : `output holds the last layer, ${sizes.num_layers - 1}`;
    return `${expression}: ${meaning}. Not in output: ${why}.`;
  }

  const shape = (tag, attributes, text = "") =>
    `<${tag} ${Object.entries(attributes).map(([name, value]) => `${name}="${value}"`).join(" ")}>${text}</${tag}>`;
  const points = (...corners) => corners.map(([x, y]) => `${x},${y}`).join(" ");
  const lean = ([x, y]) => [x + DEPTH.x, y + DEPTH.y];

  /** The front of steps and features: a rectangle {x, y, width, height}. */
  function front({ L, D, H_out }, steps, features) {
    const column = FRONT.width / Math.min(L, COLUMNS);
    const left = steps[0] ? FRONT.x + FRONT.width - (L - steps[0]) * column : FRONT.x;
    const right = steps[1] === L - 1 ? FRONT.x + FRONT.width : FRONT.x + (steps[1] + 1) * column;
    const unit = FRONT.height / (D * H_out);
    return { x: left, y: FRONT.y + features[0] * unit, width: right - left, height: (features[1] - features[0] + 1) * unit };
  }

  /** The faces of a part of the block that can be seen: front, top and right side. */
  function faces({ x, y, width, height }, isBatch, attributes) {
    const drawn = [shape("rect", { x, y, width, height, ...attributes })];
    const [right, bottom] = [x + width, y + height];
    const isTop = Math.abs(y - FRONT.y) < 0.01;
    const isRight = Math.abs(right - FRONT.x - FRONT.width) < 0.01;
    if (isBatch && isTop) drawn.push(shape("polygon", { points: points([x, y], lean([x, y]), lean([right, y]), [right, y]), ...attributes }));
    if (isBatch && isRight)
      drawn.push(shape("polygon", { points: points([right, y], lean([right, y]), lean([right, bottom]), [right, bottom]), ...attributes }));
    return drawn.join("");
  }

  function block(sizes, isBatch, { steps, features }) {
    const { L, D, H_out } = sizes;
    const whole = front(sizes, [0, L - 1], [0, D * H_out - 1]);
    let drawn = faces(whole, isBatch, { class: "block" });
    for (let d = 0; steps && d < D; d++) {
      const [from, to] = [Math.max(features[0], d * H_out), Math.min(features[1], (d + 1) * H_out - 1)];
      if (from <= to) drawn += faces(front(sizes, steps, [from, to]), isBatch, { class: `lit ${DIRECTIONS[d]}` });
    }
    const column = FRONT.width / Math.min(L, COLUMNS);
    const lines = L <= COLUMNS ? [...Array(L - 1).keys()].map((k) => k + 1) : [1, COLUMNS - 1];
    for (const k of lines) {
      const x = FRONT.x + k * column;
      const [down, back] = [`M${x} ${FRONT.y + FRONT.height}V${FRONT.y}`, isBatch ? `l${DEPTH.x} ${DEPTH.y}` : ""];
      drawn += shape("path", { d: down + back, class: "line" });
    }
    const [middle, centre] = [FRONT.x + FRONT.width / 2, FRONT.y + FRONT.height / 2];
    if (D === 2) {
      const back = isBatch ? `l${DEPTH.x} ${DEPTH.y}` : "";
      drawn += shape("path", { d: `M${FRONT.x} ${centre}h${FRONT.width}${back}`, class: "line" });
    }
    const names = D === 2 ? DIRECTIONS : [L > COLUMNS ? "…" : ""];
    names.forEach((name, d) => {
      const y = FRONT.y + (FRONT.height * (2 * d + 1)) / (2 * D) + 4;
      drawn += shape("text", { x: middle, y, class: "inside" }, L > COLUMNS && D === 2 ? `… ${name} …` : name);
    });
    return drawn;
  }

  function stack(name, { D, num_layers }, choice) {
    const [x, rows] = [STACKS[name], D * num_layers];
    const height = FRONT.height / rows;
    const at = (k) => ({ x, y: FRONT.y + k * height, width: ROW, height });
    let drawn = shape("rect", { x, y: FRONT.y, width: ROW, height: FRONT.height, class: "block" });
    if (choice.name === name) drawn += shape("rect", { ...at(choice.row), class: `lit ${DIRECTIONS[choice.row % D]}` });
    for (let k = 1; k < rows && rows <= 12; k++) drawn += shape("path", { d: `M${x} ${at(k).y}h${ROW}`, class: "line" });
    const below = FRONT.y + FRONT.height + 16;
    drawn += shape("text", { x: x + ROW / 2, y: FRONT.y - 8, class: "name" }, name);
    return drawn + shape("text", { x: x + ROW / 2, y: below }, rows === 1 ? "1 row" : `${rows} rows`);
  }

  /** Draw the picture: SVG, with what is lit as its text alternative. */
  function draw(choice, about) {
    const { sizes, isBatch } = about;
    const { L, N, D, H_out } = sizes;
    const [bottom, right] = [FRONT.y + FRONT.height, FRONT.x + FRONT.width];
    const corner = isBatch ? lean([FRONT.x, FRONT.y]) : [FRONT.x, FRONT.y];
    let words = shape("text", { x: corner[0], y: corner[1] - 8, class: "name start" }, "output");
    words += shape("text", { x: FRONT.x + FRONT.width / 2, y: bottom + 16 }, L === 1 ? "1 step" : `${L} steps`);
    words += shape("text", { transform: `translate(${FRONT.x - 8} ${FRONT.y + FRONT.height / 2}) rotate(-90)` }, `${D * H_out} features`);
    if (isBatch) words += shape("text", { x: right + 17, y: bottom + 3, class: "start" }, `N = ${N}`);
    const drawn = block(sizes, isBatch, choice) + stack("h_n", sizes, choice) + stack("c_n", sizes, choice);
    return shape("svg", { viewBox: "0 0 360 172", class: "block-drawing", role: "img", "aria-label": told(choice, about) }, drawn + words);
  }

  window.LSTMBlock = { about, choices, told, draw };
})();
