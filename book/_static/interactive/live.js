/* What the live figures share: elements, axes, controls, speech. Plain scripts, because a page opened from
   disk may neither fetch a file nor import a module. */
"use strict";

const Live = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  /** Make an element; `attributes` may hold text, html properties (starting with ".") and listeners ("on..."). */
  function make(tag, attributes = {}, ...children) {
    const svg = tag.startsWith("svg:");
    const element = svg ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name.startsWith(".")) element[name.slice(1)] = value;
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((c) => c !== null && c !== undefined));
    return element;
  }

  /** The figure's section and its data; null where the page has no such figure. */
  function open(name) {
    const root = document.getElementById(`live-${name}`);
    const data = document.getElementById(`live-${name}-data`);
    return root && data ? { root, data: JSON.parse(data.textContent) } : null;
  }

  /** A labelled slider. `text` says its value in words, on the page and to a screen reader. */
  function slider({ id, label, min, max, step = 1, value, text, change }) {
    const output = make("output", { id: `${id}-value`, for: id });
    const input = make("input", { type: "range", id, min, max, step, oninput: () => update(true) });
    input.value = value;
    function update(tell) {
      const words = text(Number(input.value));
      output.textContent = words;
      input.setAttribute("aria-valuetext", words);
      if (tell) change(Number(input.value));
    }
    update(false);
    return {
      element: make("div", { class: "live-control" }, make("label", { for: id }, label, " ", output), input),
      get value() { return Number(input.value); },
      set(next, limit) {
        if (limit !== undefined) input.max = limit;
        input.value = next;
        update(false);
      },
      refresh: () => update(false),
    };
  }

  /** A labelled choice; `options` are [value, words]. */
  function choice({ id, label, options, value, change }) {
    const select = make("select", { id, onchange: () => change(select.value) },
      ...options.map(([v, words]) => make("option", { value: v, ".selected": v === value }, words)));
    return { element: make("div", { class: "live-control" }, make("label", { for: id }, label), select), select };
  }

  /** A polite voice for screen readers, which waits until the slider rests. */
  function voice(id) {
    const element = make("output", { id, class: "live-said", "aria-live": "polite" });
    let timer = 0;
    return {
      element,
      say(words) {
        clearTimeout(timer);
        timer = setTimeout(() => { element.textContent = words; }, 400);
      },
    };
  }

  /** A plot with axes. `x` and `y`: {from, to, ticks, format, label}. Returns the svg, its layer and both scales. */
  function plot({ title, x, y, width = 360, height = 270, left = 52, right = 12, top = 26, bottom = 44 }) {
    const sx = (v) => left + ((v - x.from) / (x.to - x.from)) * (width - left - right);
    const sy = (v) => height - bottom - ((v - y.from) / (y.to - y.from)) * (height - top - bottom);
    const svg = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "live-plot" });
    const heading = make("svg:title", {}, title), words = make("svg:desc");
    svg.append(heading, words);
    svg.append(make("svg:text", { x: left, y: 15, class: "live-title" }, title));
    for (const t of x.ticks) {
      svg.append(make("svg:line", { x1: sx(t), x2: sx(t), y1: sy(y.from), y2: sy(y.to), class: "live-grid" }),
        make("svg:text", { x: sx(t), y: height - bottom + 15, "text-anchor": "middle" }, x.format(t)));
    }
    for (const t of y.ticks) {
      svg.append(make("svg:line", { x1: sx(x.from), x2: sx(x.to), y1: sy(t), y2: sy(t), class: "live-grid" }),
        make("svg:text", { x: left - 6, y: sy(t) + 4, "text-anchor": "end" }, y.format(t)));
    }
    if (x.label) svg.append(make("svg:text", { x: (sx(x.from) + sx(x.to)) / 2, y: height - 10, "text-anchor": "middle" }, x.label));
    if (y.label) {
      svg.append(make("svg:text", { transform: `translate(13 ${(sy(y.from) + sy(y.to)) / 2}) rotate(-90)`, "text-anchor": "middle" }, y.label));
    }
    const layer = make("svg:g");
    svg.append(layer);
    return { svg, layer, sx, sy, describe: (text) => { words.textContent = text; } };
  }

  /** Path data through points, or a staircase through them; null interrupts the line. */
  function path(points, { steps = false } = {}) {
    let d = "", before = null;
    for (const point of points) {
      if (point === null) { before = null; continue; }
      const [px, py] = point;
      d += before === null ? "M" : steps ? `H${round(px)}V${round(py)}` : "L";
      if (before === null || !steps) d += `${round(px)} ${round(py)}`;
      before = py;
    }
    return d;
  }

  const round = (v) => Math.round(v * 100) / 100;
  const missing = (v) => v === null || v === undefined || !Number.isFinite(v);
  const fixed = (v, digits = 3) => (missing(v) ? "–" : (Object.is(Number(v.toFixed(digits)), -0) ? 0 : v).toFixed(digits));
  const percent = (v, digits = 0) => (missing(v) ? "–" : `${(100 * v).toFixed(digits)} %`);
  /** Ticks at a round distance, some four of them. */
  function ticks(from, to, count = 4) {
    const raw = (to - from) / count, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
    const out = [];
    for (let t = Math.ceil(from / step - 1e-9) * step; t <= to + step * 1e-6; t += step) out.push(Math.round(t / step) * step);
    return out;
  }
  /** Bytes of base64 text. */
  function bytes(text) {
    const raw = atob(text), out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i += 1) out[i] = raw.charCodeAt(i);
    return out.buffer;
  }

  return { make, open, slider, choice, voice, plot, path, fixed, percent, ticks, bytes, missing };
})();
