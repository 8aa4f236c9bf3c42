// The page: settings in, curves out.
"use strict";

const byId = (id) => document.getElementById(id);
const TICKS = 1000;

/** What puts each setting of the state into its field and slider. */
const controls = [];
let state = atStart();

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const rounded = (x) => Number(x.toPrecision(3));

/** Value of a slider's place: from low to high by equal factors, or by equal steps from 0. */
function scaleOf(low, high, zero) {
  if (low === 0) return { to: (p) => rounded((high * p) / TICKS), from: (x) => (x / high) * TICKS };
  const ratio = Math.log(high / low);
  return {
    to: (p) => (zero && p === 0 ? 0 : rounded(low * Math.exp((ratio * p) / TICKS))),
    from: (x) => (x > 0 ? (Math.log(x / low) / ratio) * TICKS : 0),
  };
}

/** A label, a number field with its unit and, where there is a scale, a slider. */
function addSetting(parent, { id, said, unit, scale, get, set, isValid, why }) {
  const isDose = id.startsWith("dose-");
  const field = element("input", { type: "number", step: "any", inputmode: "decimal", id: `set-${id}` });
  const label = element("label", { for: field.id }, said, " ");
  const row = element("div", { class: "setting" }, label);
  row.append(element("span", { class: "field" }, field, element("span", { class: "unit" }, unit)));
  if (!isDose && said !== id) label.append(element("code", {}, id));
  let slider = null;
  if (scale) {
    slider = element("input", { type: "range", min: 0, max: TICKS, step: 1, id: `slide-${id}` });
    slider.setAttribute("aria-label", `${said}, slider`);
    slider.addEventListener("input", () => take(scale.to(Number(slider.value)), slider, true));
    row.append(slider);
  }
  const take = (x, from, fieldToo) => {
    const good = Number.isFinite(x) && isValid(x);
    from.setAttribute("aria-invalid", String(!good));
    if (!good) return tell(`${said}: ${why}`);
    set(x);
    show(fieldToo);
    changed();
  };
  field.addEventListener("input", () => take(field.valueAsNumber, field, false));
  const show = (fieldToo = true) => {
    const x = get();
    if (fieldToo) {
      field.value = fullNumber(x);
      for (const each of slider ? [field, slider] : [field]) each.removeAttribute("aria-invalid");
    }
    if (slider) {
      slider.value = scale.from(x);
      slider.setAttribute("aria-valuetext", `${shortNumber(x)} ${unit}`);
    }
    const first = isDose ? null : atStart().values[id];
    row.classList.toggle("changed", first !== null && x !== first);
  };
  field.addEventListener("blur", () => show());
  parent.append(row);
  controls.push(show);
}

function addParameter(setting) {
  const { id, value, reach, most = Infinity, why } = setting;
  const far = Math.min(value * reach, most);
  const scale = value > 0 ? scaleOf(value / reach, far) : value === 0 && !setting.unit ? scaleOf(0, 1) : null;
  addSetting(byId(setting.first ? "first" : "rest"), {
    ...setting,
    scale,
    get: () => state.values[id],
    set: (x) => (state.values[id] = x),
    isValid: (x) => canBe(setting, x),
    why,
  });
}

function addDose(i) {
  const group = element("fieldset", {}, element("legend", {}, i ? "Second infusion" : "First infusion"));
  const { unit, value, reach, least } = FACTS.dose;
  const part = (name, said, ofUnit, scale, isValid, why) =>
    addSetting(group, {
      id: `dose-${i}-${name}`, said, unit: ofUnit, scale, isValid, why,
      get: () => state.doses[i][name],
      set: (x) => (state.doses[i][name] = x),
    });
  const dose = () => state.doses[i];
  const amount = (x) => x === 0 || (x > 0 && x >= least && dose().time <= state.until);
  const time = (x) => x >= 0 && (x <= state.until || dose().amount === 0);
  const scale = scaleOf(value / reach, value * reach, true);
  const why = `0, or ${least ? "at least one cell" : "more"}, given before the end of the run`;
  part("amount", least ? "CAR-T cells" : "amount", unit, scale, amount, why);
  part("time", "given at", FACTS.time, i ? scaleOf(0, FACTS.until) : null, time, "from 0 to the end of the run");
  part("duration", "over (0: at once)", FACTS.time, null, (x) => x === 0 || x >= 1e-6, "0, or longer than a millionth");
  byId("doses").append(group);
}

/** Times that are drawn and read off, to an end of one's own. */
function timesTo(until) {
  if (until === FACTS.until) return TIMES;
  return Float64Array.from(TIMES, (time) => (time * until) / FACTS.until);
}

function simulate(settings, first = 0) {
  const names = FACTS.shown.map((each) => each.id);
  const doses = FACTS.dose ? given(settings) : null;
  return runModel(KERNEL, MODEL, valuesOf(settings), doses, timesTo(settings.until), names, first);
}

// ---- Curves ----

const charts = [];
let ghost = null;
let now = null;

function addChart(shown, i) {
  const read = element("p", { class: "read", "aria-live": "off" });
  const caption = element("figcaption", {}, shown.said);
  if (shown.unit) caption.append(" ", element("span", { class: "unit" }, `(${shown.unit})`));
  const figure = element("figure", { tabindex: 0, id: `chart-${shown.id}` }, caption);
  const chart = new Chart(figure, shown.said);
  figure.append(read);
  const data = FACTS.data.filter((each) => each.observable === shown.id);
  const lines = ["ghost-line", "now-line"].map((name) => svgElement("path", { class: name }, chart.plot));
  const points = svgElement("g", {}, chart.plot);
  const cursor = svgElement("path", { class: "cursor" }, chart.plot);
  const each = { shown, chart, data, lines, points, cursor, read, at: null };
  chart.svg.addEventListener("pointermove", (event) => {
    const box = chart.svg.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * WIDTH;
    readAt(each, ((place - EDGE.left) / (WIDTH - EDGE.left - EDGE.right)) * state.until);
  });
  chart.svg.addEventListener("pointerleave", () => readAt(each, null));
  figure.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") readAt(each, null);
    if (!step) return;
    event.preventDefault();
    readAt(each, (each.at === null ? 0 : each.at) + (step * state.until) / 60);
    tell(read.textContent);
  });
  byId("charts").append(figure);
  charts.push(each);
}

/** What the curve is at one time, in words beside it. */
function readAt(each, time) {
  each.at = time === null || !now || now.reason ? null : Math.min(Math.max(time, 0), state.until);
  if (each.at === null) {
    each.read.textContent = "";
    each.cursor.setAttribute("d", "");
    return;
  }
  const value = valueAt(now.times, now.curves[each.shown.id], each.at);
  each.read.textContent = `${FACTS.time} ${shortNumber(each.at)}: ${shortNumber(value)} ${each.shown.unit}`;
  const x = each.chart.x(each.at).toFixed(1);
  each.cursor.setAttribute("d", `M${x} ${EDGE.top}V${HEIGHT - EDGE.bottom}`);
}

/** Whether an observable is drawn on a logarithmic scale: where it spans more than two decades. */
function isLogarithmic(curves) {
  if (curves.some((curve) => curve.some((x) => x < 0))) return false;
  if (state.scale !== "each") return state.scale === "log";
  const above = curves.flatMap((curve) => Array.from(curve.filter((x) => x > 0))).sort((a, b) => a - b);
  return above.length > 0 && above[above.length - 1] > 100 * above[Math.floor(above.length * 0.1)];
}

function drawCharts() {
  const time = linearAxis(0, state.until);
  for (const each of charts) {
    const { shown, chart, data, lines, points } = each;
    const curves = [ghost, now].filter((run) => run && !run.reason);
    const values = curves.map((run) => run.curves[shown.id]);
    const observed = data.map((arm) => arm.points.filter(([at]) => at <= state.until).map(([, x]) => x));
    chart.setAxes(time, axisFor([...values, ...observed], isLogarithmic(values)), FACTS.time);
    [ghost, now].forEach((run, i) => {
      lines[i].setAttribute("d", run && !run.reason ? chart.curve(run.times, run.curves[shown.id]) : "");
    });
    points.innerHTML = data
      .flatMap((arm) => arm.points.map(([at, x]) => [arm, chart.x(at), chart.y(x)]))
      .filter(([, x, y]) => x <= WIDTH && y <= HEIGHT - EDGE.bottom + 3)
      .map(([arm, x, y]) => `<circle class="point point-${LABELS.indexOf(arm.label)}" r="2.6" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}"/>`)
      .join("");
    chart.say(inWords(shown, data));
    readAt(each, each.at);
  }
}

/** The text alternative of a chart. */
function inWords(shown, data) {
  const what = `${shown.said}${shown.unit ? ` in ${shown.unit}` : ""} over ${state.until} ${FACTS.time}s`;
  if (!now || now.reason) return `${what}: no curve`;
  const value = now.curves[shown.id];
  const top = value.reduce((best, x, i) => (x > value[best] ? i : best), 0);
  const low = value.reduce((best, x, i) => (x < value[best] ? i : best), 0);
  const observed = data.length ? `; observed: ${data.map((arm) => arm.label).join(", ")}` : "";
  return (
    `${what}: from ${shortNumber(value[0])} to ${shortNumber(value[value.length - 1])}, ` +
    `highest ${shortNumber(value[top])} at ${shortNumber(now.times[top])}, ` +
    `lowest ${shortNumber(value[low])} at ${shortNumber(now.times[low])}${observed}`
  );
}

// ---- Numbers beside ----

function shownEndpoint(each, x) {
  if (each.function === "best_response") return Number.isNaN(x) ? "–" : FACTS.response.names[x];
  if (each.function === "progression_time" && Number.isNaN(x)) return now.reason ? "–" : "none";
  return shortNumber(x);
}

let told = 0;
function drawEndpoints() {
  if (!FACTS.endpoints.length) return;
  const mine = readEndpoints(FACTS, now, given(state));
  const theirs = readEndpoints(FACTS, ghost, given(asInFile(state.until)));
  byId("endpoints").innerHTML = FACTS.endpoints
    .map((each) => {
      const unit = each.unit ? ` <span class="unit">${each.unit}</span>` : "";
      const [here, there] = [mine, theirs].map((numbers) => shownEndpoint(each, numbers[each.id]));
      return (
        `<div><dt>${each.id.replaceAll("_", " ")}${unit}</dt><dd><b>${here}</b> ` +
        `<span class="dim">${FACTS.ghost} ${there}</span></dd></div>`
      );
    })
    .join("");
  clearTimeout(told);
  told = setTimeout(() => {
    if (now.reason) return;
    tell(FACTS.endpoints.map((each) => `${each.id.replaceAll("_", " ")} ${shownEndpoint(each, mine[each.id])}`).join(", "));
  }, 700);
}

function tell(text) {
  byId("told").textContent = text;
}

function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    tell(`${what} copied`);
  } catch {
    tell(`This browser does not let the page copy: select the ${what} and copy it`);
  }
}

// ---- One change ----

let asked = 0;
function changed() {
  const since = performance.now();
  cancelAnimationFrame(asked);
  asked = requestAnimationFrame(() => update(since));
}

/** Milliseconds after which a hand has come to rest. */
const REST = 250;
let resting = 0;

/** Once the hand rests: the same, more finely, drawn where it differs from what is seen. */
function settle() {
  const names = FACTS.shown.map((each) => each.id);
  const finer = simulate(state, 1);
  const differs = Boolean(finer.reason) !== Boolean(now.reason) || (!finer.reason && !agree(MODEL, names, now, finer));
  now = finer;
  if (differs) draw();
  document.body.dataset.settled = String(differs);
}

function update(since) {
  delete document.body.dataset.settled;
  now = simulate(state);
  draw();
  outdate();
  clearTimeout(resting);
  resting = setTimeout(settle, REST);
  document.body.dataset.milliseconds = (performance.now() - since).toFixed(1);
}

function draw() {
  if (!ghost || ghost.until !== state.until) ghost = { ...simulate(asInFile(state.until), 1), until: state.until };
  byId("failed").hidden = !now.reason;
  byId("failed").textContent = now.reason
    ? `These settings do not run to their end here: the solver ${now.reason}. The command below may.`
    : "";
  drawCharts();
  drawEndpoints();
  byId("command").textContent = simulateCommand(state);
  byId("python").textContent = pythonCall(state);
  const hash = asHash(state);
  if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

function showAll() {
  for (const show of controls) show();
  byId("until").value = state.until;
  for (const button of document.querySelectorAll("[data-scale]")) {
    button.setAttribute("aria-pressed", String(button.dataset.scale === state.scale));
  }
}

// ---- Virtual patients ----

let worker = null;
let found = [];
let stack = null;
let survival = null;

function outdate() {
  if (!FACTS.patients) return;
  byId("population").textContent = populationCommand(state);
  const differs = worker !== null && byId("many").dataset.of !== JSON.stringify(state.values);
  if (differs) {
    stopWorking();
    byId("done").textContent = found.length ? "The settings have changed since." : "";
  }
}

function stopWorking() {
  if (worker) worker.terminate();
  worker = null;
  byId("progress").hidden = true;
}

function startWorking() {
  stopWorking();
  found = [];
  const program = `${byId("engine").textContent}\nonmessage = (event) => workThrough(KERNEL, MODEL, FACTS, event.data, postMessage);`;
  const url = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  worker = new Worker(url);
  URL.revokeObjectURL(url);
  byId("many").dataset.of = JSON.stringify(state.values);
  const progress = byId("progress");
  [progress.hidden, progress.value] = [false, 0];
  worker.onmessage = ({ data: { part, done, of } }) => {
    found.push(...part);
    progress.value = done / of;
    byId("done").textContent = `${done} of ${of} patients`;
    drawPatients();
    if (done < of) return;
    progress.hidden = true;
    const failed = found.filter((each) => each.reason).length;
    byId("done").textContent = `${of} patients at ${FACTS.patients.doses.length} doses${failed ? `; ${failed} runs failed and are in no share` : ""}`;
    tell(byId("done").textContent);
  };
  worker.onerror = (event) => {
    byId("done").textContent = `The worker stopped: ${event.message}`;
    stopWorking();
  };
  worker.postMessage({ values: valuesOf(state), doses: FACTS.patients.doses });
}

const millions = (dose) => `${shortNumber(dose / 1e6)}×10⁶`;

function drawPatients() {
  const { doses, months } = FACTS.patients;
  const { names, responders } = FACTS.response;
  const groups = doses.map((dose) => found.filter((each) => each.dose === dose && !each.reason));
  const shares = groups.map((group) => names.map((_, k) => group.filter((each) => each.response === k).length / (group.length || 1)));
  const curves = groups.map((group) => kaplanMeier(group.map((each) => each.months), group.map((each) => each.event)));
  drawStack(doses, names, shares);
  survival.setAxes(linearAxis(0, months), linearAxis(0, 100), "months");
  survival.plot.innerHTML = curves
    .map((steps, i) => `<path class="km km-${i}" d="${survival.steps(steps.map(([x, y]) => [x, 100 * y]), months)}"/>`)
    .join("");
  const rows = doses.map((dose, i) => {
    const half = curves[i].find(([, y]) => y <= 0.5 + 1e-12);
    const orr = shares[i].reduce((sum, share, k) => sum + (responders.includes(names[k]) ? share : 0), 0);
    const cells = [...shares[i], orr].map((share) => `<td class="n">${(100 * share).toFixed(0)}</td>`).join("");
    return `<tr><th scope="row"><svg class="swatch" viewBox="0 0 28 8" aria-hidden="true"><path class="km km-${i}" d="M0 4H28"/></svg> ${millions(dose)}</th>${cells}<td class="n">${half ? half[0].toFixed(1) : "not reached"}</td><td class="n">${groups[i].length}</td></tr>`;
  });
  byId("counts").innerHTML =
    `<table><caption>Best response (% of patients) and median progression-free survival</caption><thead><tr><th scope="col">dose</th>` +
    names.map((name, k) => `<th scope="col" class="n"><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect class="r-${k}" width="10" height="10"/></svg> ${name}</th>`).join("") +
    `<th scope="col" class="n">response</th><th scope="col" class="n">median (months)</th><th scope="col" class="n">patients</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
  stack.say(`Best response by dose: ${doses.map((dose, i) => `${millions(dose)}: ${names.map((name, k) => `${name} ${(100 * shares[i][k]).toFixed(0)} %`).join(", ")}`).join("; ")}`);
  survival.say(`Progression-free survival over ${months} months by dose; medians are in the table below`);
}

function drawStack(doses, names, shares) {
  const slots = doses.map((dose, i) => [i + 0.5, millions(dose)]);
  stack.setAxes({ at: (x) => x / doses.length, ticks: slots }, linearAxis(0, 100), "dose (cells)");
  let text = "";
  shares.forEach((parts, i) => {
    let below = 0;
    parts.forEach((share, k) => {
      const [bottom, top] = [stack.y(100 * below), stack.y(100 * (below + share))];
      const [left, right] = [stack.x(i + 0.18), stack.x(i + 0.82)];
      text += `<rect class="bar-part r-${k}" x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/>`;
      if (share > 0.07) text += `<text class="inside" text-anchor="middle" x="${(left + right) / 2}" y="${(top + bottom) / 2 + 4}">${names[k]}</text>`;
      below += share;
    });
  });
  stack.plot.innerHTML = text;
}

function choose(tab) {
  for (const name of ["one", "many"]) {
    const chosen = name === tab;
    byId(name).hidden = !chosen;
    byId(`tab-${name}`).setAttribute("aria-selected", String(chosen));
    byId(`tab-${name}`).tabIndex = chosen ? 0 : -1;
  }
  if (tab === "many" && !found.length) startWorking();
}

// ---- Start ----

/** Settings of the link that the page was opened by. */
function takeLink() {
  const { settings, unknown } = fromHash(location.hash.slice(1));
  state = settings;
  if (unknown.length) tell(`This link holds what the model does not have: ${unknown.join(", ")}`);
}

function addPresets() {
  const select = byId("preset");
  FACTS.presets.forEach((preset, i) => select.append(element("option", { value: i, title: preset.said }, preset.name)));
  select.addEventListener("change", () => {
    const preset = FACTS.presets[Number(select.value)];
    if (select.value === "" || !preset) return;
    for (const [name, x] of Object.entries(preset.set)) {
      if (name in state.values) state.values[name] = x;
    }
    select.value = "";
    showAll();
    changed();
    tell(preset.said);
  });
}

function start() {
  takeLink();
  if (FACTS.dose) [0, 1].forEach(addDose);
  FACTS.settings.forEach(addParameter);
  byId("more").hidden = !byId("rest").children.length;
  FACTS.shown.forEach(addChart);
  if (FACTS.presets.length) addPresets();
  byId("reset").addEventListener("click", () => {
    state = { ...atStart(), scale: state.scale };
    showAll();
    changed();
    tell("All settings are those of the start");
  });
  byId("until").addEventListener("input", (event) => {
    const x = event.target.valueAsNumber;
    const good = Number.isFinite(x) && x > 0 && given(state).every((dose) => dose.time <= x);
    event.target.setAttribute("aria-invalid", String(!good));
    if (!good) return tell("the end must be above 0, and not before an infusion");
    state.until = x;
    changed();
  });
  for (const button of document.querySelectorAll("[data-scale]")) {
    button.addEventListener("click", () => {
      state.scale = button.dataset.scale;
      showAll();
      changed();
    });
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(byId(button.dataset.copy).textContent, button.dataset.copy));
  }
  byId("csv").addEventListener("click", () => save(`${FACTS.name}.csv`, csvText(now)));
  byId("link").addEventListener("click", () => copy(location.href, "link"));
  window.addEventListener("hashchange", () => {
    takeLink();
    showAll();
    changed();
  });
  if (FACTS.patients) {
    stack = new Chart(byId("responses"), "Best response by dose");
    survival = new Chart(byId("survival"), "Progression-free survival");
    byId("work").addEventListener("click", startWorking);
    const tabs = ["one", "many"];
    tabs.forEach((tab, i) => {
      byId(`tab-${tab}`).addEventListener("click", () => choose(tab));
      byId(`tab-${tab}`).addEventListener("keydown", (event) => {
        if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
        choose(tabs[1 - i]);
        byId(`tab-${tabs[1 - i]}`).focus();
      });
    });
  }
  showAll();
  update(performance.now());
}

start();
