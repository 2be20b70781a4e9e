// Pictures: people as circles, courses as curves with bands.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 360, HEIGHT = 220, LEFT = 44, RIGHT = 10, TOP = 10, BOTTOM = 34;

/** An SVG element with attributes and children; text is always text, never markup. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A hundred people, so many of them filled. */
export function people(risk, label) {
  const filled = Math.round(100 * risk);
  const circles = Array.from({ length: 100 }, (_, i) => svg("circle", {
    cx: 10 + 20 * (i % 10), cy: 10 + 20 * Math.floor(i / 10), r: i < filled ? 8 : 5, class: i < filled ? "with" : "without",
  }));
  return svg("svg", { viewBox: "0 0 200 200", class: "people", role: "img", "aria-label": label }, ...circles);
}

/** Round numbers, four or so, that cover low to high. */
function ticks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= rough);
  const found = [];
  for (let t = Math.ceil(low / step) * step; t <= high + 1e-9; t += step) found.push(Math.abs(t) < 1e-9 ? 0 : t);
  return found;
}

/** Courses {scenario: {year, mean, low, high}} as curves; `write` turns a number into text. */
export function curves(courses, order, label, axis, write) {
  const shown = order.filter((name) => courses[name]);
  const all = shown.flatMap((name) => [...courses[name].low, ...courses[name].high]);
  const low = Math.min(...all), spread = Math.max(Math.max(...all) - low, 1e-6), high = low + spread;
  const last = Math.max(...shown.flatMap((name) => courses[name].year));
  const x = (year) => LEFT + (WIDTH - LEFT - RIGHT) * year / last;
  const y = (value) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low + 0.04 * spread) / (1.08 * spread);
  const point = (year, value) => `${x(year).toFixed(1)},${y(value).toFixed(1)}`;
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const t of ticks(low, high)) {
    picture.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(t), y2: y(t) }));
    picture.append(svg("text", { x: LEFT - 6, y: y(t) + 4, "text-anchor": "end" }, write(t)));
  }
  for (const t of ticks(0, last)) {
    if (Number.isInteger(t)) picture.append(svg("text", { x: x(t), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, write(t)));
  }
  picture.append(svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, axis));
  for (const name of shown) {
    const c = courses[name];
    const edge = [...c.year.map((t, i) => point(t, c.high[i])), ...c.year.map((t, i) => point(t, c.low[i])).reverse()];
    picture.append(svg("polygon", { class: `band ${name}`, points: edge.join(" ") }));
  }
  for (const name of shown) {
    const c = courses[name];
    picture.append(svg("polyline", { class: `line ${name}`, points: c.year.map((t, i) => point(t, c.mean[i])).join(" ") }));
  }
  return picture;
}

/** How a scenario's curve looks, for a legend. */
export function sample(name) {
  return svg("svg", { viewBox: "0 0 40 12", "aria-hidden": "true" },
    svg("rect", { class: `band ${name}`, width: 40, height: 12 }), svg("polyline", { class: `line ${name}`, points: "0,6 40,6" }));
}
