// Settings of the page, and the same settings elsewhere: as a link, a command, a call, a table.
//
// Promise: what is written runs in the harness as it runs here. Settings are values by parameter, two doses, the
// end, and the scale of the charts.

const SCALES = ["each", "log", "linear"];

/** Settings that the page was made with. */
function atStart() {
  const { dose, settings, start, until } = FACTS;
  const values = Object.fromEntries(settings.map(({ id, value }) => [id, id in start ? start[id] : value]));
  const none = (i) => ({ amount: 0, time: i ? 28 : 0, duration: 0 });
  return { values, doses: dose ? [0, 1].map((i) => ({ ...(dose.given[i] || none(i)) })) : [], until, scale: "each" };
}

/** Settings of the model's file, to an end. */
function asInFile(until) {
  const values = Object.fromEntries(FACTS.settings.map(({ id, value }) => [id, value]));
  const doses = FACTS.dose ? [{ amount: FACTS.dose.value, time: 0, duration: 0 }] : [];
  return { values, doses, until, scale: "each" };
}

const given = ({ doses }) => doses.filter((dose) => dose.amount > 0);

/** Values of all parameters, in the order of the kernel. */
const valuesOf = ({ values }) =>
  MODEL.parameters.map((name, i) => (name in values ? values[name] : MODEL.defaults[i]));

/** A number in full, large and small ones with an exponent. */
function fullNumber(x) {
  const size = Math.abs(x);
  return size >= 1e6 || (size > 0 && size < 1e-4) ? x.toExponential().replace("e+", "e") : String(x);
}

function doseText({ amount, time, duration }) {
  const at = time || duration ? `@${fullNumber(time)}` : "";
  return `${fullNumber(amount)}${at}${duration ? ` for ${fullNumber(duration)}` : ""}`;
}

/** Doses as they are written; none where the model's own is given. */
function doseTexts(settings) {
  if (!FACTS.dose) return [];
  const texts = given(settings).map(doseText);
  if (texts.length === 1 && texts[0] === fullNumber(FACTS.dose.value)) return [];
  return texts.length ? texts : ["0"];
}

/** Values that differ from those of the file. */
const differing = ({ values }) =>
  FACTS.settings.filter(({ id, value }) => values[id] !== value).map(({ id }) => [id, fullNumber(values[id])]);

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const setOption = ([id, x]) => ["--set", `${id}=${x}`];
const setOptions = (settings) => differing(settings).flatMap(setOption);
const doseOptions = (texts) => texts.flatMap((text) => ["--dose", quoted(text)]);

function simulateCommand(settings) {
  const until = settings.until === FACTS.until ? [] : ["--until", settings.until];
  const options = [...doseOptions(doseTexts(settings)), ...setOptions(settings), ...until];
  return ["cart simulate", quoted(FACTS.id), ...options].join(" ");
}

function populationCommand(settings) {
  const { doses, effects, model, names, posterior } = FACTS.patients;
  const start = atStart().values;
  // What is drawn has no value for all, and a reading that comes with the draws needs none of its own.
  const said = ([id]) => !posterior || (settings.values[id] !== start[id] && !names.includes(id));
  const changes = differing(settings).filter(said).flatMap(setOption);
  const from = posterior ? ["--posterior", quoted(posterior)] : [];
  const options = [...from, ...doseOptions(doses.map(fullNumber)), ...changes, "--patients", effects.length];
  return ["cart population --model", quoted(model), ...options].join(" ");
}

function pythonCall(settings) {
  const parts = [JSON.stringify(FACTS.id)];
  const doses = doseTexts(settings);
  if (doses.length) parts.push(`doses=${JSON.stringify(doses)}`);
  const changes = differing(settings).map(([id, x]) => `"${id}": ${x}`);
  if (changes.length) parts.push(`changes={${changes.join(", ")}}`);
  if (settings.until !== FACTS.until) parts.push(`until=${settings.until}`);
  return `from harness import simulate\n\nresult = simulate(${parts.join(", ")})`;
}

const packed = ({ amount, time, duration }) => [amount, time, duration].map(fullNumber).join("_");

/** The settings as the part of a link behind #: what differs from the start of this page. */
function asHash(settings) {
  const start = atStart();
  const parts = FACTS.settings
    .filter(({ id }) => settings.values[id] !== start.values[id])
    .map(({ id }) => `${id}=${fullNumber(settings.values[id])}`);
  settings.doses.forEach((dose, i) => {
    if (packed(dose) !== packed(start.doses[i])) parts.push(`dose${i + 1}=${packed(dose)}`);
  });
  if (settings.until !== start.until) parts.push(`until=${fullNumber(settings.until)}`);
  if (settings.scale !== start.scale) parts.push(`scale=${settings.scale}`);
  return parts.join("&");
}

/** Whether a parameter can have a value at all. */
function canBe({ least = -Infinity, above = -Infinity, most = Infinity }, x) {
  return Number.isFinite(x) && x >= least && x > above && x <= most;
}

/** Settings of a link, and what in it is not understood, beside which the rest stands. */
function fromHash(hash) {
  const settings = atStart();
  const unknown = [];
  const number = (text) => (text !== "" && Number(text) >= 0 && Number.isFinite(Number(text)) ? Number(text) : null);
  for (const part of hash.split("&").filter(Boolean)) {
    const [name, text = ""] = part.split("=");
    const x = number(text);
    const place = ["dose1", "dose2"].indexOf(name);
    const numbers = text.split("_").map(number);
    const setting = FACTS.settings.find(({ id }) => id === name);
    if (place >= 0 && settings.doses.length && numbers.length === 3 && !numbers.includes(null)) {
      const [amount, time, duration] = numbers;
      settings.doses[place] = { amount, time, duration };
    } else if (name === "until" && x > 0) settings.until = x;
    else if (name === "scale" && SCALES.includes(text)) settings.scale = text;
    else if (setting && text !== "" && canBe(setting, Number(text))) {
      settings.values[name] = Number(text);
    } else unknown.push(part);
  }
  settings.doses.forEach((dose, i) => {
    if (dose.amount === 0 || (dose.amount > 0 && dose.amount >= FACTS.dose.least && dose.time <= settings.until)) return;
    unknown.push(`dose${i + 1}=${packed(dose)}`);
    settings.doses[i] = { ...dose, amount: 0 };
  });
  return { settings, unknown };
}

/** A table of all that is shown, one row a time. */
function csvText(run) {
  const heads = FACTS.shown.map(({ id, unit }) => (unit ? `${id} [${unit}]` : id));
  const columns = FACTS.shown.map(({ id }) => run.curves[id]);
  const rows = Array.from(run.times, (time, i) => [time, ...columns.map((column) => column[i])].join(","));
  return `${[`time [${FACTS.time}]`, ...heads].join(",")}\n${rows.join("\n")}\n`;
}
