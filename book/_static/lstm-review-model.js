// The model behind <lstm-review>: the package's tokenizer and its shipped BiLSTM, in plain JavaScript.
//
// `LSTMReview` takes the weights as the book's build wrote them into shipped-model.js; tests
// compare its numbers with those of lstm_tutorial.sentiment.
(() => {
  "use strict";

  const WEIGHTS = new URL("shipped-model.js", document.currentScript.src).href;
  const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+"; // Python's \s
  const RULES = [
    [/'/g, " '  "], [/"/g, ""], [/\./g, " . "], [/<br \/>/g, " "], [/,/g, " , "], [/\(/g, " ( "], [/\)/g, " ) "],
    [/!/g, " ! "], [/\?/g, " ? "], [/[;:]/g, " "], [new RegExp(SPACE, "g"), " "],
  ];

  /** Cut a text as torchtext's basic_english does. */
  function tokenize(text) {
    const spaced = RULES.reduce((line, [pattern, by]) => line.replace(pattern, by), text.toLowerCase());
    return spaced.split(" ").filter(Boolean);
  }

  const UNKNOWN = 1; // 0 is <pad>, which no word is

  /** Give every token its id. */
  function encode(tokens, model) {
    return tokens.slice(0, model.maxLength).map((token) => model.ids.get(token) ?? UNKNOWN);
  }

  const sigmoid = (a) => 1 / (1 + Math.exp(-a));
  const tanh = (a) => 2 * sigmoid(2 * a) - 1; // in half the time of Math.tanh

  /** Read base64 of little-endian float16. */
  function decode(text) {
    const bytes = atob(text);
    const values = new Float32Array(bytes.length / 2);
    for (let k = 0; k < values.length; k++) {
      const bits = bytes.charCodeAt(2 * k) | (bytes.charCodeAt(2 * k + 1) << 8);
      const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
      const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
      values[k] = bits >> 15 ? -size : size;
    }
    return values;
  }

  /** Put the weights of shipped-model.js into the form in which they are multiplied. */
  function build({ sizes, words, weights }) {
    const get = (name) => Float64Array.from(decode(weights[name]));
    const direction = (end) => {
      const bias = get(`lstm.bias_hh_l0${end}`);
      return {
        weightIh: get(`lstm.weight_ih_l0${end}`), // (4*H, E), gates i, f, g, o
        weightHh: get(`lstm.weight_hh_l0${end}`), // (4*H, H)
        bias: get(`lstm.bias_ih_l0${end}`).map((value, k) => value + bias[k]),
        projected: new Map(),
      };
    };
    return {
      ...sizes,
      ids: new Map(words.map((word, k) => [word, k + 2])),
      embedding: decode(weights["embedding.weight"]), // (V, E)
      directions: [direction(""), direction("_reverse")],
      classifier: get("classifier.weight"), // (2*H,)
      intercept: get("classifier.bias")[0],
    };
  }

  /** Add matrix times u to r, and matrix times v to s: four rows and two vectors at a time are fastest. */
  function addProducts(matrix, u, v, r, s) {
    const width = u.length;
    for (let row = 0; row < r.length; row += 4) {
      let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
      for (let k = 0, at = row * width; k < width; k++, at++) {
        const w = matrix[at];
        const x = matrix[at + width];
        const y = matrix[at + 2 * width];
        const z = matrix[at + 3 * width];
        a += w * u[k];
        b += x * u[k];
        c += y * u[k];
        d += z * u[k];
        e += w * v[k];
        f += x * v[k];
        g += y * v[k];
        h += z * v[k];
      }
      r[row] += a;
      r[row + 1] += b;
      r[row + 2] += c;
      r[row + 3] += d;
      s[row] += e;
      s[row + 1] += f;
      s[row + 2] += g;
      s[row + 3] += h;
    }
  }

  /** W_ih x + b_ih + b_hh of one word, worked out once. */
  function project(model, part, id) {
    if (!part.projected.has(id)) {
      const x = Float64Array.from(model.embedding.subarray(id * model.E, (id + 1) * model.E));
      const sum = part.bias.slice();
      addProducts(part.weightIh, x, x, sum, part.bias.slice());
      part.projected.set(id, sum);
    }
    return part.projected.get(id);
  }

  /** The end of a time step: the four gates, both states, and each unit's largest h so far, all (H,). */
  function close({ H }, a, { c, best }) {
    const [i, f, g, o] = [0, 1, 2, 3].map((gate) => a.subarray(gate * H, (gate + 1) * H));
    const after = { i, f, g, o, c: new Float64Array(H), h: new Float64Array(H), best: new Float64Array(H) };
    for (let k = 0; k < H; k++) {
      i[k] = sigmoid(i[k]);
      f[k] = sigmoid(f[k]);
      g[k] = tanh(g[k]);
      o[k] = sigmoid(o[k]);
      after.c[k] = f[k] * c[k] + i[k] * g[k];
      after.h[k] = o[k] * tanh(after.c[k]);
      after.best[k] = Math.max(best[k], after.h[k]);
    }
    return after;
  }

  /** One time step of several walks at once. */
  function step(model, part, ids, states) {
    const sums = ids.map((id) => project(model, part, id).slice());
    for (let n = 0; n < ids.length; n += 2) {
      const m = Math.min(n + 1, ids.length - 1);
      const spare = m === n ? sums[n].slice() : sums[m];
      addProducts(part.weightHh, states[n].h, states[m].h, sums[n], spare);
    }
    return sums.map((sum, n) => close(model, sum, states[n]));
  }

  /** Walk over several rows of words, from zeros or from a state: for each row, one state a word. */
  function walk(model, part, rows, starts = []) {
    const zeros = new Float64Array(model.H);
    const nothing = { h: zeros, c: zeros, best: zeros.map(() => -Infinity) };
    const found = rows.map(() => []);
    for (let t = 0; rows.some((ids) => t < ids.length); t++) {
      const active = [...rows.keys()].filter((n) => t < rows[n].length);
      const before = active.map((n) => found[n].at(-1) ?? starts[n] ?? nothing);
      const after = step(model, part, active.map((n) => rows[n][t]), before);
      active.forEach((n, k) => found[n].push(after[k]));
    }
    return found;
  }

  const reversed = (ids) => ids.slice().reverse();

  /** The logit of what both directions have read: max pooling, then one linear layer. */
  function logitOf({ H, classifier, intercept }, forward, reverse) {
    let sum = intercept;
    for (let k = 0; k < H; k++) sum += classifier[k] * forward.best[k] + classifier[H + k] * reverse.best[k];
    return sum;
  }

  /** Read a sentence: the states of both directions at every word, the logit, the probability. */
  function read(model, ids) {
    const [ahead, back] = model.directions;
    const [forward] = walk(model, ahead, [ids]);
    const reverse = reversed(walk(model, back, [reversed(ids)])[0]); // its state t has read words t to the end
    const logit = logitOf(model, forward.at(-1), reverse[0]);
    return { ids, forward, reverse, logit, probability: sigmoid(logit) };
  }

  /** The probability of the words up to each one, and of those from each one on. */
  function arriving(model, { ids, forward, reverse }) {
    const [ahead, back] = model.directions;
    const upTo = walk(model, back, ids.map((_, t) => reversed(ids.slice(0, t + 1))));
    const from = walk(model, ahead, ids.map((_, t) => ids.slice(t)));
    return {
      fromStart: upTo.map((states, t) => sigmoid(logitOf(model, forward[t], states.at(-1)))),
      fromEnd: from.map((states, t) => sigmoid(logitOf(model, states.at(-1), reverse[t]))),
    };
  }

  /** The logit minus the logit with each word in turn unknown. */
  function occlusion(model, { ids, forward, reverse, logit }) {
    const [ahead, back] = model.directions;
    const later = ids.map((_, k) => [UNKNOWN, ...ids.slice(k + 1)]);
    const earlier = ids.map((_, k) => [UNKNOWN, ...reversed(ids.slice(0, k))]);
    const after = walk(model, ahead, later, ids.map((_, k) => forward[k - 1]));
    const before = walk(model, back, earlier, ids.map((_, k) => reverse[k + 1]));
    return ids.map((_, k) => logit - logitOf(model, after[k].at(-1), before[k].at(-1)));
  }

  let loading;

  /** Ask for the weights, the first time with an inserted script: a page on disk may not fetch. */
  function load() {
    loading ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = WEIGHTS;
      script.onload = () => {
        done(build(window.LSTM_SHIPPED));
        delete window.LSTM_SHIPPED; // its text is decoded, and large
      };
      script.onerror = () => {
        loading = undefined;
        failed(new Error("shipped-model.js did not come: it belongs beside the book's other scripts, in _static"));
      };
      document.head.append(script);
    });
    return loading;
  }

  window.LSTMReview = { tokenize, encode, load, read, arriving, occlusion };
})();
