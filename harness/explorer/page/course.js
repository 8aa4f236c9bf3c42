// A run: what is given and when rates switch, laid out as the stops of the kernel, and what the kernel makes of it.
//
// Promise: the course is that of harness.simulation.timeline, and a run that may have lost accuracy is made
// again more finely, as harness.simulation.kernel does it. A run that does not end well says why.
"use strict";

const SAME = 1e-12;
const START = 1;
const SWITCH = 2;

/** The time of a stop that only rounding holds apart from `time`, or `time` itself. */
function snapped(stops, time) {
  const slack = SAME * Math.max(1, Math.abs(time));
  const found = stops.find((stop) => Math.abs(stop - time) <= slack);
  return found === undefined ? time : found;
}

/** Put times among ascending stops; gives where each stands. */
function stopAt(stops, times) {
  for (const time of [...times].sort((a, b) => a - b)) {
    if (snapped(stops, time) === time && !stops.includes(time)) stops.push(time);
  }
  stops.sort((a, b) => a - b);
  return times.map((time) => snapped(stops, time));
}

/** Times after `start` and before `end` at which rates switch: each is the root of something linear in time. */
function switchTimes(kernel, values, start, end) {
  const z = new Float64Array(kernel.ROOM);
  z.set(values, kernel.PARAMETERS);
  const [at0, at1] = [0, 1].map((t) => {
    const found = new Float64Array(kernel.CROSSINGS);
    kernel.crossings(t, z, found);
    return found;
  });
  const roots = Array.from(at0, (low, i) => -low / (at1[i] - low));
  return roots.filter((time) => time > start && time < end);
}

/** Stops of a run after 0, and its parameters with what is given at the start among them. */
function layCourse(kernel, model, given, doses, end) {
  const values = Float64Array.from([...given, 0]);
  const latest = end + SAME * Math.max(1, end);
  const planned = doses.filter((dose) => dose.amount > 0 && dose.time <= latest);
  const atOnce = planned.filter((dose) => dose.time === 0 && !dose.duration);
  const later = planned.filter((dose) => !atOnce.includes(dose));
  if (model.dose) values[model.dose.place] = atOnce.reduce((sum, dose) => sum + dose.amount, 0);
  const stops = [];
  const starts = stopAt(stops, later.map((dose) => dose.time));
  const ends = stopAt(stops, later.map((dose) => dose.time + (dose.duration || 0)));
  const inflow = (time) =>
    later.reduce((sum, dose, i) => {
      const runs = dose.duration && starts[i] <= time && time < ends[i];
      return runs ? sum + dose.amount / (ends[i] - starts[i]) : sum;
    }, 0);
  const added = (time) =>
    later.reduce((sum, dose, i) => (!dose.duration && starts[i] === time ? sum + dose.amount : sum), 0);
  values[values.length - 1] = inflow(0);
  const switches = [];
  if (kernel.CROSSINGS) {
    const follow = (start) => {
      const kept = switches.filter((time) => time <= start);
      switches.splice(0, switches.length, ...kept, ...switchTimes(kernel, moved, start, end));
    };
    const moved = values.slice();
    follow(0);
    if (model.clock >= 0) {
      for (const start of [...new Set(starts)].sort((a, b) => a - b).filter((time) => time > 0 && time <= end)) {
        moved[model.clock] = start;
        follow(start);
      }
    }
  }
  const turns = stopAt(stops, switches);
  const times = stops.filter((time) => time > 0 && time <= end);
  const kinds = times.map((time) => START * starts.includes(time) + SWITCH * turns.includes(time));
  return { values, stops, times, given: times.map(added), inflow: times.map(inflow), kinds };
}

/** No rule that gives more cells or holds some: a page has none. */
const NO_RULE = [0, 0, 0, -Infinity, Infinity, -Infinity, Infinity];

/** Integrate one course at ascending times; `control` holds the tolerance and what follows from it. */
function integrateCourse(kernel, course, clock, times, places, control) {
  const room = times.length + 2 * course.times.length;
  const moments = new Float64Array(room);
  const rows = Array.from({ length: room }, () => new Float64Array(places.length));
  const codes = new Int32Array(1);
  const steps = [new Int32Array(3)];
  kernel.integrate(
    [course.values], [times.length], [times], [], [course.times.length], [course.times], [course.given],
    [course.inflow], [course.kinds], [NO_RULE], [0], clock, places, [[0, 0]], control.tolerance, control.absolute,
    control.counts, control.lowest, false, [[]], [0], [moments], [rows], [[NaN]], codes, steps,
  );
  const [taken, , count] = steps[0];
  return { code: codes[0], taken, times: moments.subarray(0, count), rows: rows.slice(0, count) };
}

/**
 * Whether two runs of one course agree: of each value, of its floor, or of a share of the largest one, which is
 * more where a curve passes through 0.
 */
function agree(model, names, one, other) {
  if (other.code !== 0 || one.rows.length !== other.rows.length) return false;
  return names.every((name, k) => {
    const [low, high] = [Math.min, Math.max].map((of) => other.rows.reduce((most, row) => of(most, row[k]), 0));
    const share = low < 0 && high > 0 ? model.floor_of_signed : model.floor;
    const least = Math.max(model.floors[name] || 0, share * Math.max(-low, high));
    return other.rows.every(
      (row, i) => Math.abs(one.rows[i][k] - row[k]) <= model.agree * Math.max(Math.abs(row[k]), least),
    );
  });
}

/**
 * Run a model: `given` are the values of its parameters, in order, and `doses` what is given, each with a time,
 * an amount and a duration, at once where that is 0; without `doses` the model's own dose stands. `first` is the
 * place of the error control to begin with, 0 for a hand that moves, 1 where it rests.
 *
 * Returns the times of output, each moment of a dose just before and as itself, a curve by name, and why it
 * failed, which is empty for a run that did not.
 */
function runModel(kernel, model, given, doses, asked, names, first = 0) {
  const end = asked[asked.length - 1];
  const own = model.dose ? [{ time: 0, amount: given[model.dose.place], duration: 0 }] : [];
  const course = layCourse(kernel, model, given, doses || own, end);
  const times = Float64Array.from(new Set(Array.from(asked, (time) => snapped(course.stops, time))));
  const places = names.map((name) => model.places[name]);
  const integrate = (control) => integrateCourse(kernel, course, model.clock, times, places, control);
  const [usual, ...finer] = model.controls.slice(first);
  let found = integrate(usual);
  let reason = found.code === 0 ? "" : model.said[found.code];
  const started = 1 + course.given.filter((amount) => amount > 0).length;
  if (!reason && found.taken > usual.many * started) {
    const settled = finer.some((control) => {
      const before = found;
      found = integrate(control);
      return agree(model, names, before, found);
    });
    if (!settled) reason = model.grown;
  }
  const curves = {};
  names.forEach((name, k) => (curves[name] = Float64Array.from(found.rows, (row) => row[k])));
  return { times: found.times, curves, reason, rows: found.rows, code: found.code, steps: found.taken };
}
