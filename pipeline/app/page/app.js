// The page: a form, an answer, two plans. What is typed goes to this machine's own server and nowhere else.

import { curves, people, sample } from "/draw.js";

const SCENARIOS = ["no_change", "plan_a", "plan_b"], PLANS = ["plan_a", "plan_b"];
const SLIDER_WAIT_MS = 30, EDGES = 2;      // so many unusual values are named one by one
const $ = (id) => document.getElementById(id);

let model, words;                  // what the server told at the start; the language chosen
let found = null, compared = null, fault = null;      // the newest answers
const plans = { plan_a: {}, plan_b: {} };

/** An element with properties and children; strings become text, never markup. */
function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element && key !== "list") element[key] = value; else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// Words and numbers

function say(key, values = {}) {
  return words.words[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "").replace(/ %/g, "\u00a0%");
}
const called = (name) => words.names[name] ?? name.replaceAll("_", " ");
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const unitOf = (unit) => words.units[unit] ?? unit;
const number = (value, digits = 0) => value.toFixed(digits).replace("-", "\u2212").replace(".", words.decimal);
const listing = (items) => items.length ? items.join(", ") : say("nothing");

/** What a study file says, in this language; else in English, and marked so for a screen reader. */
function studyText(english) {
  if (words.code === "en" || english in words.texts || !english) return words.texts[english] ?? english;
  return make("span", { lang: "en" }, english);
}

function hundredths(risk) {
  if (risk > 0 && risk < 0.005) return say("fewer_than_1");
  if (risk >= 0.995 && risk < 1) return say("more_than_99");
  return number(100 * risk);
}

/** A share of 100 people with as many digits as a small difference needs. */
const finely = (share) => number(100 * Math.abs(share), Math.abs(share) < 0.0995 ? 1 : 0);

function quantity(name, value, unit) {
  if (value === null) return "";
  if (name.endsWith("_fraction")) { value *= 100; unit = "%"; }
  const shown = number(value, Math.abs(value) >= 20 || Number.isInteger(value) ? 0 : 1);
  return unitOf(unit) ? `${shown}\u00a0${unitOf(unit)}` : shown;
}

// Questions to the server: of each kind the newest wins

const asking = {};
async function ask(path, body) {
  asking[path]?.abort();
  const mine = asking[path] = new AbortController();
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: mine.signal,
    });
    const told = await answer.json();
    if (mine.signal.aborted) return null;
    if (!answer.ok) throw { message: told.message, fields: told.fields ?? [] };
    return told;
  } catch (failure) {
    if (mine.signal.aborted) return null;
    throw failure.fields ? failure : { message: say("broken"), fields: [] };
  }
}

function values() {
  const told = {};
  for (const field of $("form").elements) {
    if (!field.name || field.value.trim() === "") continue;
    const text = field.value.trim();
    const plain = text.replace(/\s/g, "").replace(",", ".").replace("\u2212", "-");
    told[field.name] = field.tagName === "INPUT" && plain !== "" && Number.isFinite(Number(plain)) ? Number(plain) : text;
  }
  return told;
}

async function personChanged() {
  const told = values();
  markEmpty();
  if (!("age_years" in told) && !("sex" in told) && !Object.keys(told).length) {
    asking["/api/person"]?.abort(); asking["/api/plans"]?.abort();
    found = compared = fault = null;
    return show();
  }
  $("risk").classList.add("working");
  try {
    const answer = await ask("/api/person", { values: told });
    if (answer === null) return;
    found = { ...answer, told }; fault = null;      // plans are of this person, whatever is typed meanwhile
    showPerson();
    await plansChanged();
  } catch (failure) {
    asking["/api/plans"]?.abort();
    found = compared = null; fault = failure;
    show();
  }
}

async function plansChanged() {
  if (!found) return;
  try {
    const answer = await ask("/api/plans", { values: found.told, plans });
    if (answer === null) return;
    compared = answer; fault = null;
  } catch (failure) { compared = null; fault = failure; }
  showFault(); showPlans();
}

// What is shown

function show() { showFault(); showPerson(); showPlans(); }

/** A fault of a field in the language of the page; else what the server said. */
function inWords(name) {
  const variable = model.variables[name], field = $(`field-${name}`), text = field?.value.trim() ?? "";
  if (!variable || !field) return null;
  if (text === "") return say("must_told", { name: capital(called(name)) });
  if (variable.kind !== "number") return null;
  const value = Number(text.replace(/\s/g, "").replace(",", ".").replace("\u2212", "-"));
  if (!Number.isFinite(value)) return say("must_number", { name: capital(called(name)) });
  const bounds = { low: number(variable.low, variable.low % 1 ? 1 : 0), high: number(variable.high, variable.high % 1 ? 1 : 0) };
  return say("must_range", { name: capital(called(name)), ...bounds, unit: unitOf(variable.unit) }).trim();
}

function showFault() {
  for (const field of $("form").elements) {
    if (!field.name) continue;
    const wrong = Boolean(fault?.fields.includes(field.name));
    field.setAttribute("aria-invalid", wrong);
    const said = $(`said-${field.name}`);
    said.textContent = wrong ? inWords(field.name) ?? fault.message : "";
    said.hidden = !wrong;
  }
  const sentences = fault ? fault.fields.map(inWords) : [];
  const text = !fault ? null : sentences.length && sentences.every(Boolean) ? sentences.join(". ") : fault.message;
  $("fault").replaceChildren(...(text ? [make("p", { className: "notice fault" }, text)] : []));
}

function showPerson() {
  const place = $("risk");
  place.classList.remove("working");
  showFault();
  if (!found) return place.replaceChildren(...(fault ? [] : [make("p", {}, say("start"))]));
  const parts = [], label = studyText(model.label);
  const sentence = (key, risk) => {
    const [before, after] = say(key, { risk, label: "\u0001", horizon: words.texts[model.horizon] ?? model.horizon }).split("\u0001");
    return make("p", { className: "big" }, before, label, after);
  };
  for (const edge of found.edges.slice(0, EDGES)) parts.push(make("p", { className: "notice caution" }, edgeInWords(edge)));
  if (found.edges.length > EDGES) parts.push(make("p", { className: "notice caution" }, say("edge_more", { number: found.edges.length - EDGES })));
  if (found.much_missing) parts.push(make("p", { className: "notice caution" }, say("much_missing", { number: found.missing.length, all: found.asked })));
  if (found.unlikely) parts.push(make("p", { className: "notice caution" }, say("unlikely")));
  const failed = Object.keys(found.failed);
  if (failed.length) parts.push(make("p", { className: "notice caution" }, say("failed", { twins: listing(failed.map(called)) })));
  if (found.risk === null) {
    parts.push(make("p", { className: "big" }, say("unknown")));
  } else {
    const risk = hundredths(found.risk);
    parts.push(sentence(model.later ? "risk_later" : "risk", risk));
    if (found.low !== null) parts.push(make("p", { id: "interval" }, say("interval", { low: hundredths(found.low), high: hundredths(found.high) })));
    parts.push(people(found.risk, say("icons", { risk })));
    const key = found.person_sd === null ? "doubt_unsplit" : found.person_sd > found.model_sd ? "doubt_person" : "doubt_model";
    parts.push(make("p", { id: "doubt" }, say(key)));
  }
  if (found.warnings.length) {
    parts.push(make("p", { className: "notice" }, say("warning"), " ", make("span", { lang: "en" }, found.warnings.join(", "))));
  }
  parts.push(make("h3", {}, say("basis")), basis());
  place.replaceChildren(...parts);
}

/** A value that few people of the study have. */
function edgeInWords({ variable, value, low, high }) {
  const name = capital(called(variable)), unit = model.variables[variable].unit;
  if (typeof value === "string") return say("edge_level", { name });
  return say("edge_value", { name, value: quantity(variable, value, unit), low: quantity(variable, low, unit), high: quantity(variable, high, unit) });
}

function basis() {
  const list = make("dl");
  for (const kind of ["measured", "estimated", "assumed", "none"]) {
    const of = found.basis.filter((row) => row.basis === kind);
    if (!of.length) continue;
    const valued = (row) => row.value !== null && kind !== "none" && (row.unit !== "1" || row.name.endsWith("_fraction"));
    const told = of.map((row) => valued(row) ? `${called(row.name)} ${quantity(row.name, row.value, row.unit)}` : called(row.name));
    list.append(make("dt", {}, say(`basis_${kind}`)), make("dd", {}, listing(told)));
  }
  if (found.missing.length) {
    list.append(make("dt", {}, say("missing", { number: found.missing.length, all: found.asked })),
      make("dd", {}, listing(found.missing.map(called))));
  }
  return list;
}

function showPlans() {
  $("plans").hidden = !found;
  if (!found) return;
  for (const plan of PLANS) for (const slider of model.sliders) showSlider(plan, slider);
  const rest = compared?.outputs ?? [];
  $("curves").replaceChildren(...(rest.length ? rest.map(figure) : [make("p", {}, say("curves_none"))]));
  $("reduced").replaceChildren(...reduced());
}

function figure(output) {
  const unit = unitOf(output.unit), name = capital(called(output.name)), last = output.courses.no_change?.year.at(-1);
  const digits = (v) => Math.abs(v) >= 20 ? 0 : 1;
  const rows = SCENARIOS.filter((key) => output.courses[key]).map((key) => {
    const [mean, low, high] = ["mean", "low", "high"].map((part) => output.courses[key][part].at(-1));
    const band = `${number(mean, digits(mean))} (${number(low, digits(low))}\u2013${number(high, digits(high))})`;
    return make("tr", {}, make("th", { scope: "row" }, say(key)), make("td", {}, band));
  });
  const tick = (v) => number(v, Number.isInteger(Math.round(v * 1e6) / 1e6) ? 0 : 1);
  return make("figure", {},
    make("figcaption", {}, unit ? `${name} (${unit})` : name),
    curves(output.courses, SCENARIOS, name, say("years_axis"), tick),
    make("table", {}, make("caption", {}, say("after", { years: last })), make("tbody", {}, ...rows)));
}

function reduced() {
  if (!compared) return [];
  if (!compared.risk) return [make("p", { id: "no-trials" }, say("no_trials"))];
  const list = make("dl", { className: "reduced" });
  for (const plan of PLANS) {
    const told = compared.risk[plan];
    if (told.fewer === null) { list.append(make("dt", {}, say(plan)), make("dd", {}, say("unknown"))); continue; }
    const same = Math.abs(told.low) < 5e-5 && Math.abs(told.high) < 5e-5;
    const signed = [told.low, told.high].map((v) => (told.fewer < 0 ? -v : v)).sort((a, b) => a - b);
    const [low, high] = signed.map((v) => (v < 0 ? "\u2212" : "") + finely(v));
    const text = same ? say("same") : say(told.fewer < 0 ? "more" : "fewer", {
      fewer: finely(told.fewer), low, high, after: number(100 * told.risk, 1), now: number(100 * found.risk, 1),
    });
    list.append(make("dt", {}, say(plan)), make("dd", {}, text, told.cut && !same ? ` ${say("cut")}` : ""));
  }
  const trials = model.effects.map((e) => make("li", { lang: "en" }, `${e.in_whom}. ${e.source}`));
  return [list, make("p", { className: "hint" }, say("trials")), make("ul", { className: "hint" }, ...trials)];
}

function showSlider(plan, slider) {
  const value = plans[plan][slider.name] ?? slider.rest, input = $(`${plan}-${slider.name}`);
  const own = slider.rest === null ? found?.own_carbohydrate ?? null : slider.rest;
  input.value = value ?? own ?? slider.low;
  let text;
  if (value === slider.rest) {
    text = slider.rest === null && own !== null ? say("as_now_value", { value: quantity("_fraction", own, "1") }) : say("as_now");
  } else if (slider.name === "weight_target_factor") text = `\u2212${number(100 * (1 - value))}\u00a0%`;
  else if (slider.name === "pressure_drugs") text = number(value);
  else text = `${number(100 * value)}\u00a0%`;
  $(`${plan}-${slider.name}-said`).textContent = text;
  input.setAttribute("aria-valuetext", text);
}

// What is built once, and again in another language

function fillForm() {
  const kept = values();
  const groups = Object.entries(model.groups).map(([group, names]) =>
    make("fieldset", {}, make("legend", {}, words.groups[group]), ...names.map(fieldOf)));
  $("form").replaceChildren(...groups);
  setValues(kept);
}

function fieldOf(name) {
  const variable = model.variables[name], id = `field-${name}`, needed = name === "age_years" || name === "sex";
  const label = make("label", { htmlFor: id, title: variable.description }, capital(called(name)),
    needed ? make("small", {}, ` ${say("needed")}`) : null);
  const common = { id, name, required: needed, "aria-describedby": `said-${name}` };
  const said = make("span", { className: "said", id: `said-${name}`, hidden: true });
  if (variable.kind === "category" && variable.levels.length) {
    const options = variable.levels.map((level) => make("option", { value: level }, words.levels[level] ?? level.replaceAll("_", " ")));
    return make("div", { className: "field" }, label,
      make("select", common, make("option", { value: "" }, say("choose")), ...options), said);
  }
  const unit = unitOf(variable.unit);
  const range = variable.unit === "1" && variable.high !== null ? `${number(variable.low)}\u2013${number(variable.high)}` : unit;
  const mode = variable.kind === "number" ? "decimal" : "text";
  return make("div", { className: "field" }, label, make("input", { ...common, type: "text", inputMode: mode, maxLength: 40 }),
    make("small", {}, range), said);
}

function setValues(told) {
  for (const field of $("form").elements) {
    if (!field.name) continue;
    const value = told[field.name];
    field.value = typeof value === "number" ? String(value).replace(".", words.decimal) : value ?? "";
  }
  markEmpty();
}

function markEmpty() {
  for (const field of $("form").elements) if (field.name) field.closest(".field").classList.toggle("empty", field.value.trim() === "");
}

function fillPlans() {
  $("sliders").replaceChildren(...PLANS.map((plan) => make("div", { className: `plan ${plan}` },
    make("div", { className: "head" }, make("h3", {}, say(plan)),
      make("button", { type: "button", id: `${plan}-reset`, "aria-label": `${say(plan)}: ${say("reset")}`, onclick: () => { plans[plan] = {}; showPlans(); plansChanged(); } }, say("reset"))),
    ...model.sliders.map((slider) => sliderOf(plan, slider)))));
  $("legend").replaceChildren(...SCENARIOS.map((name) => make("li", {}, sample(name), say(name))));
}

let waiting;
function sliderOf(plan, slider) {
  const id = `${plan}-${slider.name}`;
  const input = make("input", { id, type: "range", min: slider.low, max: slider.high, step: slider.step });
  input.addEventListener("input", () => {
    plans[plan][slider.name] = Number(input.value);
    showSlider(plan, slider);
    clearTimeout(waiting);
    waiting = setTimeout(plansChanged, SLIDER_WAIT_MS);
  });
  return make("div", { className: "slider" }, make("label", { htmlFor: id }, words.sliders[slider.name]),
    make("output", { id: `${id}-said`, htmlFor: id }), input);
}

function setLanguage(code) {
  const kept = model && words ? values() : {};
  words = model.languages[code];
  document.documentElement.lang = code;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  $("title").replaceChildren(studyText(model.title));
  $("question").replaceChildren(studyText(model.question));
  document.title = model.title;
  $("caution").hidden = !model.caution;
  $("caution").replaceChildren(make("strong", {}, say("caution")), " ", studyText(model.caution));
  const { study, people: number_, events } = model.origin;
  $("origin").replaceChildren(say("origin", { study, people: number_, events }), " ", studyText(model.population));
  fillForm(); setValues(kept); fillPlans(); show();
}

async function begin() {
  model = await (await fetch("/api/model")).json();
  const names = { en: "English", sv: "Svenska" };
  for (const code of Object.keys(model.languages)) $("language").append(make("option", { value: code }, names[code] ?? code));
  setLanguage("en");
  $("language").addEventListener("change", () => setLanguage($("language").value));
  $("form").addEventListener("change", personChanged);
  $("form").addEventListener("submit", (event) => { event.preventDefault(); personChanged(); });
  $("example").addEventListener("click", () => { setValues(model.example); personChanged(); });
  $("clear").addEventListener("click", () => {
    setValues({});
    for (const plan of PLANS) plans[plan] = {};
    personChanged();
  });
  $("print").addEventListener("click", () => window.print());
  document.body.dataset.ready = "yes";
}

begin();
