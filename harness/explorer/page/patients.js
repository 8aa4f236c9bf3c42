// Virtual patients: each at every dose, with the random effects of the project's own population.

/** Output times of a patient, to the end of follow-up. */
function followUp(facts) {
  const end = facts.patients.months * facts.patients.month;
  const step = 2;
  const times = [0, facts.response.first_visit];
  for (let time = step; time < end; time += step) times.push(time);
  return Float64Array.from([...new Set([...times, end])].sort((a, b) => a - b));
}

/** One patient at one dose: category of best response, and progression-free survival in months. */
function runPatient(kernel, model, facts, values, place, dose) {
  const { names, effects, month } = facts.patients;
  const own = values.slice();
  names.forEach((name, k) => (own[model.parameters.indexOf(name)] *= Math.exp(effects[place][k])));
  const rule = facts.response;
  const given = [{ time: 0, amount: dose, duration: 0 }];
  const run = runModel(kernel, model, own, given, followUp(facts), [rule.observable]);
  if (run.reason) return { reason: run.reason };
  const change = run.curves[rule.observable];
  const progressed = progressionOf(run.times, change, rule);
  return {
    reason: "",
    response: categoryOf(bestChangeOf(run.times, change, rule, rule.first_visit), rule),
    event: !Number.isNaN(progressed),
    months: (Number.isNaN(progressed) ? run.times[run.times.length - 1] : progressed) / month,
  };
}

/** What a worker does: every patient at every dose, told in small parts. */
function workThrough(kernel, model, facts, { ask, values, doses }, tell) {
  let part = [];
  const count = facts.patients.effects.length;
  for (let place = 0; place < count; place++) {
    for (const dose of doses) part.push({ dose, ...runPatient(kernel, model, facts, values, place, dose) });
    if (part.length >= 40 || place === count - 1) {
      tell({ ask, part, done: place + 1, of: count });
      part = [];
    }
  }
}
