/* One threshold, everything that hangs on it. Counts come from the library; rates are ratios of counts. */
"use strict";

(() => {
  const page = Live.open("thresholds");
  if (!page) return;
  const { root, data } = page;
  const { make, fixed, percent, missing } = Live;
  const RATES = [
    ["sensitivity", "Sensitivity"], ["specificity", "Specificity"],
    ["ppv", "Positive predictive value"], ["npv", "Negative predictive value"],
  ];
  const COHORTS = { internal: "internal, out of fold", external: "external" };
  const vessels = Object.keys(data.vessels);
  const state = { vessel: vessels[0], cohort: Object.keys(data.vessels[vessels[0]].cohorts)[0], index: 0, prevalence: null };
  const here = () => data.vessels[state.vessel];
  const cohort = () => here().cohorts[state.cohort];
  const observed = () => cohort().n_pos / cohort().n;
  const threshold = () => here().grid[state.index];
  const number = (v) => String(Number(v.toPrecision(4)));

  /** Everything at one threshold and prevalence; NaN where a denominator is empty. */
  function measures(c, t, index, prevalence) {
    const tp = c.tp[index], fp = c.fp[index], fn = c.n_pos - tp, tn = c.n - c.n_pos - fp;
    const sensitivity = tp / (tp + fn), specificity = tn / (tn + fp), odds = t / (1 - t);
    const own = prevalence === null, pi = own ? c.n_pos / c.n : prevalence;
    const ill = sensitivity * pi, healthy = (1 - specificity) * (1 - pi);
    return {
      tp, fp, fn, tn, sensitivity, specificity,
      ppv: own ? tp / (tp + fp) : ill / (ill + healthy),
      npv: own ? tn / (tn + fn) : (specificity * (1 - pi)) / (specificity * (1 - pi) + (1 - sensitivity) * pi),
      benefit: ill - healthy * odds, all: pi - (1 - pi) * odds, prevalence: pi,
    };
  }
  const now = () => measures(cohort(), threshold(), state.index, state.prevalence);

  // --- controls ------------------------------------------------------------------------------------------
  const tabs = make("fieldset", { class: "live-choices" }, make("legend", {}, "Artery"), ...vessels.map((v) => make("label", {},
    make("input", { type: "radio", name: "live-vessel", value: v, ".checked": v === state.vessel, onchange: () => choose(v) }), ` ${v}`)));
  const cohortChoice = Live.choice({ id: "live-cohort", label: "Patients", value: state.cohort,
    options: Object.keys(here().cohorts).map((c) => [c, COHORTS[c]]), change: (c) => { state.cohort = c; redraw(); } });
  const cut = Live.slider({ id: "live-threshold", label: "Threshold: called ill at or above", min: 0, max: here().grid.length - 1,
    value: 0, text: (i) => number(here().grid[i] ?? here().grid.at(-1)), change: (i) => { state.index = i; update(); } });
  // The prevalence moves in steps of 0.5 %.
  const share = Live.slider({ id: "live-prevalence", label: "Prevalence of severe stenosis", min: 1, max: 120, value: 1,
    text: (v) => (state.prevalence === null ? `${percent(observed(), 1)} (as observed)` : percent(v / 200, 1)),
    change: (v) => { state.prevalence = v / 200; share.refresh(); update(); } });
  const reset = make("button", { type: "button", id: "live-reset", onclick: () => { state.prevalence = null; back(); update(); } },
    "As observed");
  const usual = make("button", { type: "button", id: "live-usual", onclick: () => { atUsual(); update(); } }, "Usual threshold");
  cut.element.append(usual);
  share.element.append(reset);
  const back = () => share.set(Math.round(observed() * 200));
  function atUsual() {
    state.index = here().grid.indexOf(here().default);
    cut.set(state.index, here().grid.length - 1);
  }
  function choose(vessel) {
    state.vessel = vessel;
    if (!(state.cohort in here().cohorts)) state.cohort = Object.keys(here().cohorts)[0];
    for (const option of cohortChoice.select.options) {
      option.disabled = !(option.value in here().cohorts);
      option.selected = option.value === state.cohort;
    }
    atUsual();
    redraw();
  }

  // --- tables --------------------------------------------------------------------------------------------
  const cell = (id) => make("td", { id: `live-${id}` });
  const counts = make("table", { class: "live-counts" }, make("caption", {}, "Counts (ECGs)"),
    make("thead", {}, make("tr", {}, make("td"), make("th", { scope: "col" }, "severe"), make("th", { scope: "col" }, "not severe"))),
    make("tbody", {},
      make("tr", {}, make("th", { scope: "row" }, "called ill"), cell("tp"), cell("fp")),
      make("tr", {}, make("th", { scope: "row" }, "called healthy"), cell("fn"), cell("tn"))));
  const rows = [...RATES, ["benefit", "Net benefit"], ["all", "Net benefit, all called ill"], ["auc", "AUC (any threshold)"]];
  const rates = make("table", { class: "live-rates" }, make("caption", {}, "Rates (95 % interval over patients)"),
    make("tbody", {}, ...rows.map(([id, name]) => make("tr", {}, make("th", { scope: "row" }, name), cell(id)))));
  const voice = Live.voice("live-thresholds-said");

  // --- figures -------------------------------------------------------------------------------------------
  const figures = make("div", { class: "live-grid-of-plots" });
  let roc, benefit, split;
  const ends = data.times.at(-1);

  function redraw() {
    back();
    const c = cohort();
    roc = Live.plot({ title: `ROC, ${state.vessel}`, x: { from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1], label: "1 − specificity", format: String },
      y: { from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1], label: "Sensitivity", format: String } });
    const points = c.roc.map(([x, y]) => [roc.sx(x / 400), roc.sy(y / 400)]);
    roc.layer.append(
      make("svg:path", { d: Live.path([[roc.sx(0), roc.sy(0)], [roc.sx(1), roc.sy(1)]]), class: "live-chance" }),
      make("svg:path", { d: Live.path(points), class: "live-line a" }));
    roc.point = make("svg:circle", { r: 6, class: "live-point a", id: "live-roc-point" });
    roc.layer.append(roc.point);
    figures.replaceChildren(roc.svg);
    drawBenefit();
    drawSplit();
    update();
  }

  function drawBenefit() {
    const c = cohort(), grid = here().grid, all = grid.map((t, i) => measures(c, t, i, state.prevalence));
    const top = Math.max(...all.map((m) => Math.max(m.benefit, m.all)), 0.01) * 1.08, low = -0.35 * top;
    const to = Math.max(grid.at(-1), 0.05);
    const next = Live.plot({ title: "Net benefit", x: { from: 0, to, ticks: Live.ticks(0, to), label: "Threshold", format: number },
      y: { from: low, to: top, ticks: Live.ticks(low, top), label: "Net benefit", format: (v) => number(v) } });
    const line = (key) => Live.path(grid.map((t, i) => (all[i][key] < low ? null : [next.sx(t), next.sy(all[i][key])])));
    next.layer.append(
      make("svg:path", { d: line("all"), class: "live-line b" }),
      make("svg:path", { d: Live.path([[next.sx(0), next.sy(0)], [next.sx(to), next.sy(0)]]), class: "live-line none" }),
      make("svg:path", { d: line("benefit"), class: "live-line a" }));
    next.rule = make("svg:line", { y1: next.sy(low), y2: next.sy(top), class: "live-rule" });
    next.point = make("svg:circle", { r: 6, class: "live-point a", id: "live-benefit-point" });
    next.layer.append(next.rule, next.point, ...legend(next, [["a", "network"], ["b", "all called ill"], ["none", "none"]]));
    next.low = low;
    if (benefit && benefit.svg.isConnected) benefit.svg.replaceWith(next.svg);
    else figures.append(next.svg);
    benefit = next;
  }

  function legend(plot, entries) {
    return entries.flatMap(([kind, words], i) => {
      const x = 230, y = 40 + 15 * i;
      return [make("svg:path", { d: `M${x} ${y - 4}H${x + 20}`, class: `live-line ${kind}` }), make("svg:text", { x: x + 25, y }, words)];
    });
  }

  function drawSplit() {
    if (!here().followup) return;
    let top = 0.02;
    for (const pair of here().followup) {
      for (const group of pair) if (group && group.n >= 10) top = Math.max(top, group.steps.at(-1)[1]);
    }
    top = Math.min(1, top * 1.15);
    split = Live.plot({ title: "Infarction after the CT", x: { from: 0, to: ends, ticks: data.times, label: "Days", format: (v) => String(Math.round(v)) },
      y: { from: 0, to: top, ticks: Live.ticks(0, top), label: "Infarction (1 − Kaplan-Meier)", format: (v) => percent(v, top < 0.05 ? 1 : 0) } });
    split.top = top;
    split.lines = ["low", "high"].map((kind) => make("svg:path", { class: `live-line ${kind}` }));
    split.layer.append(...split.lines);
    const where = ["low", "high"].map((name, i) => make("svg:text", { x: 62, y: 40 + 15 * i, class: `live-key ${name}` }, name));
    split.words = where;
    split.layer.append(...where);
    figures.append(split.svg);
  }

  // --- what moves ----------------------------------------------------------------------------------------
  function update() {
    const c = cohort(), t = threshold(), m = now(), put = (id, text) => { root.querySelector(`#live-${id}`).textContent = text; };
    for (const id of ["tp", "fp", "fn", "tn"]) put(id, String(m[id]));
    for (const [id] of RATES) {
      const [low, high] = c[id][state.index];
      const kept = state.prevalence === null || id === "sensitivity" || id === "specificity";
      put(id, fixed(m[id]) + (kept && !missing(low) && !missing(m[id]) ? ` [${fixed(low)}, ${fixed(high)}]` : ""));
    }
    put("benefit", fixed(m.benefit, 4));
    put("all", fixed(m.all, 4));
    put("auc", fixed(c.auc));
    roc.point.setAttribute("cx", roc.sx(1 - m.specificity));
    roc.point.setAttribute("cy", roc.sy(m.sensitivity));
    roc.describe(`At threshold ${number(t)} sensitivity ${fixed(m.sensitivity)}, specificity ${fixed(m.specificity)}.`);
    drawBenefit();
    benefit.rule.setAttribute("x1", benefit.sx(t));
    benefit.rule.setAttribute("x2", benefit.sx(t));
    benefit.point.setAttribute("cx", benefit.sx(t));
    benefit.point.setAttribute("cy", benefit.sy(Math.max(m.benefit, benefit.low)));
    benefit.describe(`At threshold ${number(t)}: network ${fixed(m.benefit, 4)}, all ${fixed(m.all, 4)}, none 0.`);
    const spoken = here().followup ? updateSplit() : "";
    voice.say(`${state.vessel}, threshold ${number(t)}: sensitivity ${percent(m.sensitivity)}, specificity ${percent(m.specificity)}, `
      + `positive predictive value ${percent(m.ppv)}, negative ${percent(m.npv)}, net benefit ${fixed(m.benefit)}. ${spoken}`);
  }

  function updateSplit() {
    const pair = here().followup[state.index];
    const texts = pair.map((group, i) => {
      const name = i ? "At or above" : "Below", clip = (v) => split.sy(Math.min(v, split.top));
      split.lines[i].setAttribute("d", group
        ? Live.path([...group.steps, [ends, group.steps.at(-1)[1]]].map(([d, v]) => [split.sx(d), clip(v)]), { steps: true }) : "");
      const limits = group && !missing(group.low) ? ` [${percent(group.low, 1)}, ${percent(group.high, 1)}]` : "";
      split.words[i].textContent = group
        ? `${name}: ${group.events}/${group.n}, ${percent(group.end, 1)}${limits}` : `${name}: nobody`;
      for (const [k, at] of (group ? group.at_risk : data.times.map(() => 0)).entries()) {
        root.querySelector(`#live-risk-${i}-${k}`).textContent = String(at);
      }
      return group ? `${name}: ${group.events} infarctions in ${group.n} people.` : `${name}: nobody.`;
    });
    split.describe(texts.join(" "));
    return texts.join(" ");
  }

  const risk = vessels.some((v) => data.vessels[v].followup)
    ? make("table", { class: "live-risk" }, make("caption", {}, "Followed-up patients at risk"),
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Day"), ...data.times.map((d) => make("th", { scope: "col" }, String(Math.round(d)))))),
      make("tbody", {}, ...["below", "at or above"].map((name, i) => make("tr", {}, make("th", { scope: "row" }, name),
        ...data.times.map((_, k) => cell(`risk-${i}-${k}`))))))
    : null;
  root.append(
    make("div", { class: "live-controls" }, tabs, cohortChoice.element, cut.element, share.element),
    make("div", { class: "live-tables pst-scrollable-table-container" }, counts, rates), figures, ...(risk ? [make("div", { class: "live-tables pst-scrollable-table-container" }, risk)] : []),
    voice.element);
  choose(state.vessel);
})();
