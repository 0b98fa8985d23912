/* Twelve leads on paper: one viewBox unit is one millimetre, so 25 mm/s and 10 mm/mV hold at every zoom. */
"use strict";

(() => {
  const page = Live.open("ecg-viewer");
  if (!page) return;
  const { root, data } = page;
  const { make, missing } = Live;
  const SECONDS = 10, MM_S = 25, MM_MV = 10, WIDTH = SECONDS * MM_S, ZOOM = 1.25, LARGEST = 12, READABLE = 2.6;
  const OVERLAY_MM = 5, LEAST_SCALE = 100;
  const LAYOUTS = {
    "3x4": { words: "3 × 4 and rhythm", row: 30, rows: [["I", "aVR", "V1", "V4"], ["II", "aVL", "V2", "V5"], ["III", "aVF", "V3", "V6"], ["II"]] },
    "12x1": { words: "12 × 1", row: 22, rows: data.all_leads.map((lead) => [lead]) },
  };
  const state = { ecg: 0, layout: "3x4", overlay: 0, time: 1, mark: null, lead: "II", zoom: READABLE };
  let leads = {}, overlay = null;

  /** Twelve leads in microvolt from the eight stored: Einthoven's and Goldberger's relations, exact in whole microvolts. */
  function twelve(text) {
    const raw = new Int16Array(Live.bytes(text)), n = raw.length / data.leads.length, out = {};
    data.leads.forEach((lead, i) => { out[lead] = raw.subarray(i * n, (i + 1) * n); });
    const of = (f) => Int16Array.from({ length: n }, (_, k) => f(out.I[k], out.II[k]));
    return { ...out, III: of((a, b) => b - a), aVR: of((a, b) => -(a / 2 + b / 2)), aVL: of((a, b) => a - b / 2), aVF: of((a, b) => b - a / 2) };
  }
  function overlayOf(item) {
    const raw = new Int8Array(Live.bytes(item.values)), n = raw.length / data.all_leads.length;
    const values = Object.fromEntries(data.all_leads.map((lead, i) => [lead, raw.subarray(i * n, (i + 1) * n)]));
    return { ...item, lead: values, scale: Math.max(127 * item.step, LEAST_SCALE) };
  }
  const ecg = () => data.ecgs[state.ecg];
  const at = (time) => Math.min(leads.II.length - 1, Math.max(0, Math.round(time * data.hz)));
  const overlayAt = (lead, time) => overlay.lead[lead][Math.min(overlay.lead[lead].length - 1, Math.floor(time * overlay.hz))] * overlay.step;

  // --- paper ---------------------------------------------------------------------------------------------
  const paper = make("div", { class: "live-paper", tabindex: "0", role: "application", id: "live-paper",
    "aria-label": "ECG paper; arrow keys move the cursor", "aria-describedby": "live-ecg-said", onkeydown: key, onpointerdown: point });
  let svg, cursor, mark, labels;

  function grid(id, step, kind) {
    return make("svg:pattern", { id, width: step, height: step, patternUnits: "userSpaceOnUse" },
      make("svg:path", { d: `M${step} 0H0V${step}`, class: kind }));
  }

  function draw() {
    leads = twelve(ecg().signal);
    const item = ecg().overlays[state.overlay];
    overlay = item ? overlayOf(item) : null;
    const { row, rows } = LAYOUTS[state.layout], height = row * rows.length;
    svg = make("svg:svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "live-ecg", "aria-hidden": "true" },
      make("svg:defs", {}, grid("live-small", 1, "live-small"), grid("live-large", 5, "live-large")),
      make("svg:rect", { width: WIDTH, height, class: "live-sheet" }),
      make("svg:rect", { width: WIDTH, height, fill: "url(#live-small)" }),
      make("svg:rect", { width: WIDTH, height, fill: "url(#live-large)" }));
    labels = [];
    rows.forEach((names, r) => names.forEach((lead, c) => {
      const share = SECONDS / names.length, from = c * share, base = row * (r + 0.5);
      if (overlay) drawOverlay(lead, from, from + share, base + row * 0.36);
      const points = [];
      for (let k = Math.round(from * data.hz); k < Math.round((from + share) * data.hz); k += 1) {
        points.push([(k / data.hz) * MM_S, base - (leads[lead][k] / 1000) * MM_MV]);
      }
      svg.append(make("svg:path", { d: Live.path(points), class: "live-trace", "data-lead": lead }));
      const label = make("svg:text", { x: from * MM_S + 1.5, y: base - row * 0.3, class: "live-lead", "data-lead": lead }, lead);
      labels.push(label);
      svg.append(label);
      if (c) svg.append(make("svg:path", { d: `M${from * MM_S} ${base - 4}v8`, class: "live-trace" }));
    }));
    for (const beat of ecg().beats) {
      svg.append(make("svg:path", { d: `M${beat * MM_S} ${height - row + 3.2}l-1.4 -2.4h2.8z`, class: "live-beat" }));
    }
    cursor = make("svg:line", { y1: 0, y2: height, class: "live-cursor" });
    mark = make("svg:line", { y1: 0, y2: height, class: "live-mark" });
    svg.append(mark, cursor);
    paper.replaceChildren(svg);
    facts();
    zoom(0);
    move(state.time);
  }

  /** Signed area below a lead: up is what disease lifted. */
  function drawOverlay(lead, from, to, base) {
    const n = overlay.lead[lead].length, points = [[from * MM_S, base]];
    for (let k = Math.round(from * overlay.hz); k < Math.min(n, Math.round(to * overlay.hz)); k += 1) {
      const value = (overlay.lead[lead][k] * overlay.step * OVERLAY_MM) / overlay.scale;
      points.push([((k + 0.5) / overlay.hz) * MM_S, base - value]);
    }
    points.push([to * MM_S, base]);
    svg.append(make("svg:path", { d: `${Live.path(points)}Z`, class: "live-overlay" }),
      make("svg:path", { d: `M${from * MM_S} ${base}H${to * MM_S}`, class: "live-overlay-base" }));
  }

  function zoom(by) {
    state.zoom = Math.min(LARGEST, Math.max(1, state.zoom * ZOOM ** by));
    svg.setAttribute("width", WIDTH * state.zoom);
    root.querySelector("#live-zoom-value").textContent = `${Math.round((100 * state.zoom) / (96 / 25.4))} %`;
    if (by) show();
  }

  // --- cursor and calipers -------------------------------------------------------------------------------
  const voice = Live.voice("live-ecg-said");
  const reading = make("p", { class: "live-reading", id: "live-reading" });
  function move(time) {
    state.time = Math.min(SECONDS - 1 / data.hz, Math.max(0, Math.round(time * data.hz) / data.hz));
    for (const [line, t] of [[cursor, state.time], [mark, state.mark]]) {
      line.setAttribute("visibility", t === null ? "hidden" : "visible");
      if (t !== null) { line.setAttribute("x1", t * MM_S); line.setAttribute("x2", t * MM_S); }
    }
    for (const label of labels) label.classList.toggle("chosen", label.dataset.lead === state.lead);
    const value = leads[state.lead][at(state.time)];
    let words = `Lead ${state.lead} at ${state.time.toFixed(3)} s: ${(value / 1000).toFixed(2)} mV`;
    if (overlay) words += `, of it ${(overlayAt(state.lead, state.time)).toFixed(0)} ${overlay.unit} planted`;
    if (state.mark !== null) {
      const gap = Math.round(1000 * Math.abs(state.time - state.mark));
      const rise = (value - leads[state.lead][at(state.mark)]) / 1000;
      words += `. Calipers: ${gap} ms${gap ? ` (${Math.round(60000 / gap)}/min)` : ""}, ${rise.toFixed(2)} mV`;
    }
    reading.textContent = `${words}.`;
    voice.say(`${words}.`);
  }
  function show() {
    const x = state.time * MM_S * state.zoom;
    if (x < paper.scrollLeft + 40 || x > paper.scrollLeft + paper.clientWidth - 40) paper.scrollLeft = x - paper.clientWidth / 2;
  }
  function point(event) {
    const box = svg.getBoundingClientRect();
    if (event.clientY > box.bottom) return;
    move(((event.clientX - box.left) / box.width) * SECONDS);
  }
  function key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = event.shiftKey ? 0.1 : 0.01, i = data.all_leads.indexOf(state.lead), n = data.all_leads.length;
    const actions = {
      ArrowLeft: () => move(state.time - step), ArrowRight: () => move(state.time + step),
      Home: () => move(0), End: () => move(SECONDS),
      ArrowUp: () => { state.lead = data.all_leads[(i + n - 1) % n]; move(state.time); },
      ArrowDown: () => { state.lead = data.all_leads[(i + 1) % n]; move(state.time); },
      b: () => move(ecg().beats.find((t) => t > state.time + 0.5 / data.hz) ?? ecg().beats[0] ?? 0),
      m: () => { state.mark = state.mark === state.time ? null : state.time; move(state.time); },
      "+": () => zoom(1), "=": () => zoom(1), "-": () => zoom(-1), n: () => turn(1), p: () => turn(-1),
    };
    const action = actions[event.key] || actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
    show();
  }

  // --- controls ------------------------------------------------------------------------------------------
  const which = Live.choice({ id: "live-which", label: "ECG", value: "0",
    options: data.ecgs.map((e, i) => [String(i), `${i + 1}. ${e.title}`]), change: (v) => { state.ecg = Number(v); state.mark = null; draw(); } });
  const layout = Live.choice({ id: "live-layout", label: "Leads", value: state.layout,
    options: Object.entries(LAYOUTS).map(([k, v]) => [k, v.words]), change: (v) => { state.layout = v; draw(); } });
  const over = Live.choice({ id: "live-overlay", label: "Below each lead", value: "0",
    options: [...data.ecgs[0].overlays.map((o, i) => [String(i), o.label]), ["none", "nothing"]],
    change: (v) => { state.overlay = v === "none" ? -1 : Number(v); draw(); } });
  const button = (id, words, name, act) => make("button", { type: "button", id, "aria-label": name, onclick: act }, words);
  const zoomer = make("div", { class: "live-control live-buttons", role: "group", "aria-label": "Zoom" },
    button("live-out", "−", "Zoom out", () => zoom(-1)), make("output", { id: "live-zoom-value" }), button("live-in", "+", "Zoom in", () => zoom(1)));
  function turn(by) {
    state.ecg = (state.ecg + by + data.ecgs.length) % data.ecgs.length;
    state.mark = null;
    which.select.value = String(state.ecg);
    draw();
  }
  const person = make("div", { class: "live-person pst-scrollable-table-container" });
  function facts() {
    const e = ecg(), words = overlay ? ` Below each lead: ${overlay.label}; ${OVERLAY_MM} mm are ${Math.round(overlay.scale)} ${overlay.unit}.` : "";
    person.replaceChildren(make("p", {}, `${e.ecg_id}, ${e.facts}. 25 mm/s, 10 mm/mV; triangles: ${e.beats.length} beats found.${words}`),
      make("table", {}, make("caption", {}, "Truth, report and network"),
        make("thead", {}, make("tr", {}, make("td"), ...data.vessels.map((v) => make("th", { scope: "col" }, v)))),
        make("tbody", {}, ...[["planted stenosis", e.percent.map((v) => `${v} %`)], ["read on the CT", e.grades.map((g) => g ?? "unknown")],
          ["probability of severe", e.probabilities.map((v) => (missing(v) ? "–" : v.toFixed(3)))]].map(([name, values]) => make("tr", {},
          make("th", { scope: "row" }, name), ...values.map((v) => make("td", {}, v)))))));
  }

  root.append(make("div", { class: "live-controls" }, which.element, layout.element, over.element, zoomer), paper, reading, person,
    make("div", { class: "live-hidden" }, voice.element));
  // As wide as the page, but on a phone large enough to read; the rest scrolls. (Pixels per millimetre.)
  state.zoom = Math.max(READABLE, (root.clientWidth - 2) / WIDTH);
  draw();
})();
