// Numbers read off curves: endpoints, response, progression, survival.
//
// Promise: the definitions are those of harness.analysis. Curves come at many times, so that a parabola through
// three points gives a peak, and a straight line a crossing; no point is read across a moment that stands twice.

const isMoment = (time, i) => time[i + 1] - time[i] <= SAME * Math.max(1, Math.abs(time[i + 1]));

/** Height and time of the top of the parabola about point i, of logarithms where all three are above 0. */
function topAbout(time, value, i) {
  if (i === 0 || i === time.length - 1 || isMoment(time, i - 1) || isMoment(time, i)) return [value[i], time[i]];
  const places = [i - 1, i, i + 1];
  const logs = places.every((k) => value[k] > 0);
  const [a, b, c] = places.map((k) => (logs ? Math.log(value[k]) : value[k]));
  const [left, right] = [time[i] - time[i - 1], time[i + 1] - time[i]];
  const [rise, fall] = [(b - a) / left, (c - b) / right];
  const bend = (fall - rise) / (left + right);
  const slope = rise + bend * left;
  if (bend === 0 || !Number.isFinite(bend)) return [value[i], time[i]];
  const shift = Math.min(Math.max(-slope / (2 * bend), -left), right);
  const top = b + slope * shift + bend * shift * shift;
  return [logs ? Math.exp(top) : top, time[i] + shift];
}

/** The highest point of a curve from one time to another; null where there is none. */
function highestOf(time, value, from, to) {
  let best = -1;
  for (let i = 0; i < time.length; i++) {
    if (time[i] >= from && time[i] <= to && (best < 0 || value[i] > value[best])) best = i;
  }
  if (best < 0) return null;
  const [height, at] = topAbout(time, value, best);
  const atEdge = best === 0 || best === time.length - 1 || time[best - 1] < from || time[best + 1] > to;
  return { height, at, atEdge };
}

function lowestOf(time, value, from, to) {
  const found = highestOf(time, Float64Array.from(value, (x) => -x), from, to);
  return found ? -found.height : NaN;
}

/** The peak of an expansion: `after` past every dose before it, and within `before` of the first. */
function peakOf(time, value, options, doses) {
  const { after = 0, before = Infinity } = options;
  const given = doses.length ? doses : [{ time: 0, duration: 0 }];
  const ordered = [...given].sort((a, b) => a.time - b.time);
  const end = Math.min(ordered[0].time + before, time[time.length - 1]);
  let best = null;
  let over = -Infinity;
  ordered.forEach((dose, i) => {
    over = Math.max(over, dose.time + (dose.duration || 0));
    const next = i + 1 < ordered.length ? ordered[i + 1].time * (1 - 1e-15) : Infinity;
    const found = highestOf(time, value, over + after, Math.min(next, end));
    if (found && (best === null || found.height > best.height)) best = found;
  });
  return best && !best.atEdge ? best : { height: NaN, at: NaN };
}

/** Area under a curve to `stop`, of logarithms between values above 0. */
function areaOf(time, value, start, stop) {
  if (Number.isFinite(stop) && stop > time[time.length - 1] * (1 + SAME)) return NaN;
  let area = 0;
  for (let i = 0; i + 1 < time.length; i++) {
    const [low, high] = [Math.max(time[i], start), Math.min(time[i + 1], stop)];
    if (high <= low || isMoment(time, i)) continue;
    const at = (t) => value[i] + ((value[i + 1] - value[i]) * (t - time[i])) / (time[i + 1] - time[i]);
    const [a, b] = [at(low), at(high)];
    const ratio = b / a;
    const usual = !(a > 0 && b > 0) || Math.abs(ratio - 1) < 1e-6;
    area += (high - low) * (usual ? (a + b) / 2 : (b - a) / Math.log(ratio));
  }
  return area;
}

/** Time at which a change in percent meets the rule of progression; NaN where it never does. */
function progressionOf(time, value, rule) {
  let nadir = Infinity;
  let before = 0;
  for (let i = 0; i < time.length; i++) {
    const level = 1 + value[i] / 100;
    nadir = Math.min(nadir, level);
    const over = level - Math.max(rule.of_nadir * nadir, nadir + rule.of_baseline);
    if (over >= 0 && i > 0) {
      const share = over > before ? over / (over - before) : 0;
      return time[i] - share * (time[i] - time[i - 1]);
    }
    before = over;
  }
  return NaN;
}

/** Number of the category of a change in percent, 0 the best. */
function categoryOf(change, rule) {
  if (Number.isNaN(change)) return NaN;
  const bounds = rule.at_most;
  const found = bounds.findIndex((bound, i) => (i === bounds.length - 1 ? change < bound : change <= bound));
  return found < 0 ? bounds.length : found;
}

/** Lowest change from the first visit to progression; at that visit for whoever has progressed by then. */
function bestChangeOf(time, value, rule, firstVisit) {
  const progressed = progressionOf(time, value, rule);
  const stop = Number.isNaN(progressed) ? Infinity : Math.max(progressed, firstVisit);
  const at = valueAt(time, value, firstVisit);
  if (stop === firstVisit) return at;
  const lowest = lowestOf(time, value, firstVisit, stop);
  return Math.min(at, Number.isNaN(lowest) ? at : lowest);
}

/** Value at one time, by a straight line; after a dose that is given then. */
function valueAt(time, value, at) {
  let i = time.findLastIndex((t) => t <= at + SAME * Math.max(1, at));
  if (i < 0) return NaN;
  if (i === time.length - 1) return at <= time[i] * (1 + SAME) ? value[i] : NaN;
  const share = Math.max(0, at - time[i]) / (time[i + 1] - time[i]);
  return value[i] + share * (value[i + 1] - value[i]);
}

const ENDPOINTS = {
  peak_height: (time, value, options, doses) => peakOf(time, value, options, doses).height,
  peak_time: (time, value, options, doses) => peakOf(time, value, options, doses).at,
  area: (time, value, { start = 0, stop = Infinity }) => areaOf(time, value, start, stop),
  highest: (time, value, { start = 0, stop = Infinity }) =>
    (highestOf(time, value, start, stop) || { height: NaN }).height,
  lowest: (time, value, { start = 0, stop = Infinity }) => lowestOf(time, value, start, stop),
  nadir: (time, value, { start = 0, stop = Infinity }) => lowestOf(time, value, start, stop),
  last: (time, value) => value[value.length - 1],
  best_response: (time, value, options, doses, rule) =>
    categoryOf(bestChangeOf(time, value, rule, options.first_visit), rule),
  progression_time: (time, value, options, doses, rule) => progressionOf(time, value, rule),
};

/** All endpoints of a run, by id. */
function readEndpoints(facts, run, doses) {
  const found = {};
  for (const { id, function: name, observable, options } of facts.endpoints) {
    const value = run.curves[observable];
    found[id] = run.reason ? NaN : ENDPOINTS[name](run.times, value, options, doses, facts.response);
  }
  return found;
}

/** Survival by Kaplan and Meier: steps from 1 at 0, of durations and whether the event ended each. */
function kaplanMeier(durations, events) {
  const order = durations.map((duration, i) => [duration, events[i]]).sort((a, b) => a[0] - b[0]);
  const steps = [[0, 1]];
  let [survival, atRisk] = [1, order.length];
  for (let i = 0; i < order.length; ) {
    const at = order[i][0];
    let [came, gone] = [0, 0];
    for (; i < order.length && order[i][0] === at; i++, gone++) came += order[i][1] ? 1 : 0;
    if (came) {
      survival *= 1 - came / atRisk;
      steps.push([at, survival]);
    }
    atRisk -= gone;
  }
  return steps;
}
