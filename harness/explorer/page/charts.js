// Charts as SVG: axes, curves, points, bars. Colours and strokes are those of the style sheet.

const WIDTH = 340;
const HEIGHT = 216;
const EDGE = { left: 46, right: 10, top: 8, bottom: 34 };
const SVG = "http://www.w3.org/2000/svg";
const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function svgElement(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (parent) parent.append(element);
  return element;
}

/** A number to four digits, as short as it can be said. */
function shortNumber(x) {
  if (!Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e5 || size < 1e-3) return x.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(Number(x.toPrecision(4)));
}

function powerOfTen(exponent) {
  if (exponent === 0) return "1";
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPT[digit]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

function niceTicks(low, high, most) {
  const rough = (high - low) / most || 1;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * size >= rough) * size;
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + 1e-9 * step; tick += step) {
    ticks.push(Math.abs(tick) < 1e-9 * step ? 0 : tick);
  }
  return ticks;
}

/** An axis: where a value stands from 0 to 1, and its ticks with what they say. */
function linearAxis(low, high, most = 5) {
  const span = high - low || 1;
  const ticks = niceTicks(low, high, most).map((tick) => [tick, shortNumber(tick)]);
  return { at: (x) => (x - low) / span, ticks };
}

function logAxis(low, high) {
  const [bottom, top] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const span = Math.max(top - bottom, 1);
  const every = Math.ceil(span / 6);
  const ticks = [];
  for (let exponent = bottom; exponent <= bottom + span; exponent += every) {
    ticks.push([10 ** exponent, powerOfTen(exponent)]);
  }
  return { at: (x) => (x > 0 ? (Math.log10(x) - bottom) / span : -1), ticks };
}

/** An axis that holds all values, logarithmic where asked for and possible; 1e-8 of the highest is its floor. */
function axisFor(values, logarithmic) {
  let [low, high] = [Infinity, -Infinity];
  for (const each of values) {
    for (const x of each) {
      if (x < low) low = x;
      if (x > high) high = x;
    }
  }
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  if (logarithmic && high > 0) {
    let least = high;
    for (const each of values) for (const x of each) if (x > 0 && x < least) least = x;
    return logAxis(Math.max(least, high * 1e-8) * 0.999, high * 1.001);
  }
  if (low >= 0) low = 0;
  const pad = 0.04 * (high - low || Math.abs(high) || 1);
  return linearAxis(low === 0 ? 0 : low - pad, high + pad);
}

/** A chart with its axes; `draw` is called with where x and y stand, in the units of the picture. */
class Chart {
  constructor(parent, label) {
    this.svg = svgElement("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label }, parent);
    this.axes = svgElement("g", { class: "axes" }, this.svg);
    const clip = `clip-${Math.random().toString(36).slice(2)}`;
    const box = svgElement("clipPath", { id: clip }, svgElement("defs", {}, this.svg));
    const size = { width: WIDTH - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom };
    svgElement("rect", { x: EDGE.left, y: EDGE.top - 2, ...size, height: size.height + 4 }, box);
    this.plot = svgElement("g", { "clip-path": `url(#${clip})` }, this.svg);
  }

  say(label) {
    this.svg.setAttribute("aria-label", label);
  }

  setAxes(x, y, xLabel) {
    this.x = (value) => EDGE.left + x.at(value) * (WIDTH - EDGE.left - EDGE.right);
    this.y = (value) => HEIGHT - EDGE.bottom - y.at(value) * (HEIGHT - EDGE.top - EDGE.bottom);
    const [left, right, top, bottom] = [EDGE.left, WIDTH - EDGE.right, EDGE.top, HEIGHT - EDGE.bottom];
    let text = `<path class="frame" d="M${left} ${top}V${bottom}H${right}"/>`;
    for (const [tick, said] of x.ticks) {
      const at = this.x(tick).toFixed(1);
      text += `<path class="tick" d="M${at} ${bottom}v4"/><text x="${at}" y="${bottom + 16}" text-anchor="middle">${said}</text>`;
    }
    for (const [tick, said] of y.ticks) {
      const at = this.y(tick);
      if (at < top - 2 || at > bottom + 2) continue;
      text += `<path class="grid" d="M${left} ${at.toFixed(1)}H${right}"/>`;
      text += `<text x="${left - 6}" y="${(at + 4).toFixed(1)}" text-anchor="end">${said}</text>`;
    }
    text += `<text class="what" x="${right}" y="${HEIGHT - 3}" text-anchor="end">${xLabel}</text>`;
    this.axes.innerHTML = text;
  }

  /** Path of a curve, each moment that stands twice a step. */
  curve(time, value) {
    let path = "";
    for (let i = 0; i < time.length; i++) {
      const [x, y] = [this.x(time[i]), this.y(value[i])];
      path += `${i ? "L" : "M"}${x.toFixed(1)} ${Math.min(Math.max(y, -50), HEIGHT + 50).toFixed(1)}`;
      if (x > WIDTH + 20) break;
    }
    return path;
  }

  /** Path of a curve that falls in steps, to `end`. */
  steps(points, end) {
    let path = "";
    points.forEach(([x, y], i) => {
      path += i ? `H${this.x(x).toFixed(1)}V${this.y(y).toFixed(1)}` : `M${this.x(x)} ${this.y(y)}`;
    });
    return `${path}H${this.x(end).toFixed(1)}`;
  }
}
