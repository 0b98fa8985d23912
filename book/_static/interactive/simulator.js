/* A typical beat for any stenosis: base plus dose times response, summed over waves, as ccta_lib.simulate.components says. */
"use strict";

(() => {
  const page = Live.open("simulator");
  if (!page) return;
  const { root, data } = page;
  const { make } = Live;
  const FROM = -300, TO = 600, STEP = 4, ST = 6, T = 7, SHOWN = 1;
  const VIEWS = { waves: ["ST and T, enlarged", -0.25, 0.75], beat: ["whole beat", -1.8, 1.8] };
  const state = { percent: data.vessels.map((v) => (v === "LAD" ? 90 : 0)), sex: 1, age: data.ages.indexOf(60), rate: data.rates.indexOf(70), view: "waves", times: 1 };

  /** Dose of ischaemia at a percent stenosis. */
  const dose = (percent) => Math.min(1, Math.max(0, (percent - data.dose_from) / (99 - data.dose_from))) ** data.dose_power;

  /** Displacement of ST and T in the eight independent leads, millivolt: [8][2]. */
  function moved(percent) {
    const doses = percent.map(dose);
    return data.independent.map((_, lead) => [0, 1].map((wave) =>
      doses.reduce((sum, d, v) => sum + d * data.response[v][lead][wave], 0)));
  }
  const LIMB = { I: [1, 0], II: [0, 1], III: [-1, 1], aVR: [-0.5, -0.5], aVL: [1, -0.5], aVF: [-0.5, 1] };
  /** Value in any lead from those of the eight independent ones. */
  const inLead = (lead, values) => (lead in LIMB
    ? LIMB[lead][0] * values[0] + LIMB[lead][1] * values[1] : values[data.independent.indexOf(lead)]);

  /** Course of each wave at one moment, unit amplitude. */
  function courses(ms) {
    const [center, left, right] = data.timing[state.sex][state.age][state.rate];
    return center.map((c, wave) => {
      const x = ms - c, before = left[wave] || 1, after = right[wave] || 1;
      if (wave === ST) {
        return 0.5 * (Math.tanh(x / before) - Math.tanh((ms - data.st_end[state.sex][state.age][state.rate]) / after));
      }
      return Math.exp(-0.5 * (x / (x < 0 ? before : after)) ** 2);
    });
  }

  /** One beat in twelve leads, millivolt: lead -> samples from FROM to TO every STEP ms. */
  function beat(percent, times = 1) {
    const base = data.base[state.sex][state.age], change = moved(percent), out = Object.fromEntries(data.leads.map((l) => [l, []]));
    for (let ms = FROM; ms <= TO; ms += STEP) {
      const course = courses(ms);
      const eight = base.map((waves, lead) => waves.reduce((sum, a, wave) => sum + a * course[wave], 0)
        + times * (change[lead][0] * course[ST] + change[lead][1] * course[T]));
      for (const lead of data.leads) out[lead].push(inLead(lead, eight));
    }
    return out;
  }

  // --- controls ------------------------------------------------------------------------------------------
  const arteries = data.vessels.map((v, i) => Live.slider({ id: `live-${v}`, label: `Stenosis of ${v}`, min: 0, max: 100, step: 1, value: state.percent[i],
    text: (p) => `${p} %`, change: (p) => { state.percent[i] = p; update(); } }));
  const age = Live.slider({ id: "live-age", label: "Age", min: 0, max: data.ages.length - 1, value: state.age,
    text: (i) => `${data.ages[i]} years`, change: (i) => { state.age = i; update(); } });
  const rate = Live.slider({ id: "live-rate", label: "Heart rate", min: 0, max: data.rates.length - 1, value: state.rate,
    text: (i) => `${data.rates[i]}/min`, change: (i) => { state.rate = i; update(); } });
  const sex = Live.choice({ id: "live-sex", label: "Sex", value: String(state.sex), options: data.sexes.map((s, i) => [String(i), { F: "woman", M: "man" }[s]]),
    change: (v) => { state.sex = Number(v); update(); } });
  const view = Live.choice({ id: "live-view", label: "Show", value: state.view, options: Object.entries(VIEWS).map(([k, v]) => [k, v[0]]),
    change: (v) => { state.view = v; frame(); update(); } });
  const times = Live.choice({ id: "live-times", label: "Draw the change", value: "1", options: [["1", "as it is"], ["5", "five times as large"]],
    change: (v) => { state.times = Number(v); update(); } });
  const reset = make("button", { type: "button", id: "live-reset", onclick: () => {
    state.percent.fill(0);
    for (const a of arteries) a.set(0);
    update();
  } }, "No stenosis");

  // --- figures -------------------------------------------------------------------------------------------
  const figures = make("div", { class: "live-leads" });
  let panels = {};
  function frame() {
    const [, low, high] = VIEWS[state.view];
    panels = Object.fromEntries(data.leads.map((lead) => {
      const panel = Live.plot({ title: lead, width: 220, height: 150, left: 36, bottom: 22, x: { from: FROM, to: TO, ticks: [0, 300, 600], format: String },
        y: { from: low, to: high, ticks: Live.ticks(low, high, 3), format: (v) => String(Number(v.toFixed(2))) } });
      const clip = `live-clip-${lead}`;
      const [x, y] = [panel.sx(FROM), panel.sy(high)];
      panel.svg.prepend(make("svg:defs", {}, make("svg:clipPath", { id: clip }, make("svg:rect", { x, y, width: panel.sx(TO) - x, height: panel.sy(low) - y }))));
      panel.before = make("svg:path", { class: "live-line none" });
      panel.after = make("svg:path", { class: "live-line a" });
      panel.layer.setAttribute("clip-path", `url(#${clip})`);
      panel.layer.append(panel.before, panel.after);
      return [lead, panel];
    }));
    figures.replaceChildren(...data.leads.map((lead) => panels[lead].svg));
  }

  const body = make("tbody", {}, ...data.leads.map((lead) => make("tr", {}, make("th", { scope: "row" }, lead),
    make("td", { id: `live-st-${lead}` }), make("td", { id: `live-t-${lead}` }))));
  const table = make("table", { class: "live-moved" }, make("caption", {}, "Moved by stenosis (µV)"),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Lead"), make("th", { scope: "col" }, "ST"), make("th", { scope: "col" }, "T"))), body);
  const voice = Live.voice("live-simulator-said");
  const signed = (v) => { const text = v.toFixed(SHOWN); return Number(text) > 0 ? `+${text}` : Number(text) === 0 ? (0).toFixed(SHOWN) : text.replace("-", "−"); };

  function update() {
    const healthy = beat(data.vessels.map(() => 0)), ill = beat(state.percent, state.times), change = moved(state.percent);
    const shift = data.leads.map((lead) => [0, 1].map((wave) => 1000 * inLead(lead, change.map((c) => c[wave]))));
    data.leads.forEach((lead, i) => {
      const p = panels[lead], points = (values) => Live.path(values.map((v, k) => [p.sx(FROM + k * STEP), p.sy(v)]));
      p.before.setAttribute("d", points(healthy[lead]));
      p.after.setAttribute("d", points(ill[lead]));
      p.describe(`ST ${signed(shift[i][0])}, T ${signed(shift[i][1])} microvolt.`);
      root.querySelector(`#live-st-${lead}`).textContent = signed(shift[i][0]);
      root.querySelector(`#live-t-${lead}`).textContent = signed(shift[i][1]);
    });
    const most = [0, 1].map((wave) => data.leads.reduce((best, _, i) => (Math.abs(shift[i][wave]) > Math.abs(shift[best][wave]) ? i : best), 0));
    voice.say(shift.flat().every((v) => Math.abs(v) < 0.05) ? "Nothing moves: no stenosis above 40 %."
      : `Largest change: ST ${signed(shift[most[0]][0])} µV in ${data.leads[most[0]]}, T ${signed(shift[most[1]][1])} µV in ${data.leads[most[1]]}.`);
  }

  root.append(make("div", { class: "live-controls" }, ...arteries.map((a) => a.element), reset, age.element, rate.element, sex.element, view.element, times.element),
    voice.element, make("p", { class: "live-legend" }, make("span", { class: "live-swatch a" }), " with stenosis ", make("span", { class: "live-swatch none" }), " without; across: ms from R, up: mV"),
    make("div", { class: "live-beside" }, figures, table));
  // For whoever wants the numbers, and for the tests: the beat on screen.
  root.beat = () => beat(state.percent);
  frame();
  update();
})();
