"use strict";
// Files go one by one to the program on this machine, which keeps what it answers until
// it ends; so the page can be loaded again.

const {element, grey, bytes} = Pixels;
const byId = name => document.getElementById(name);
const waiting = [];
const refused = [];
let about = {max_bytes: 0, max_files: 0};
let views = [];
let busy = false;
let viewer = null;

async function start() {
  about = await (await fetch("about")).json();
  byId("notice").textContent = about.notice;
  byId("meaning").textContent = about.meaning;
  byId("models").textContent = about.models.map(
    (name, i) => `${name}, trained on: ${about.trained_on[i]}`).join("; ");
  byId("limits").textContent = `At most ${about.max_files} files of up to ` +
    `${Math.round(about.max_bytes / 1048576)} MB. They stay on this machine, until the ` +
    "program ends or they are removed.";
  const colours = Object.fromEntries(Object.entries(about.colours).map(
    ([name, text]) => [name, bytes(text)]));
  viewer = new MammogramViewer(byId("viewer"), colours);
  byId("prevalence").value = 100 * about.prevalence;
  if (about.operating) byId("threshold").value = about.operating.threshold;
  await renew();
  document.body.dataset.ready = "yes";
}

// Scores of breasts and women change with each view, so all are asked for.
async function renew() {
  ({views} = await (await fetch("results")).json());
  list();
  await account();
  show();
}

const VOTES = {yes: "counts for its breast", no: "counts for no breast",
  alone: "counts for no mean, as its side, view or patient is unknown"};
let votes = {};

// What belongs together depends on all files that are shown.
async function account() {
  const marks = views.map(({mark}) => mark);
  byId("account").hidden = marks.length + refused.length === 0;
  const response = await fetch("account", {method: "POST", headers: {"X-Name": "account"},
    body: JSON.stringify({marks, refused})});
  if (!response.ok) return;
  const told = await response.json();
  byId("counts").replaceChildren(...told.lines.map(line => element("li", {}, line)));
  URL.revokeObjectURL(byId("csv").href);
  byId("csv").href = URL.createObjectURL(new Blob([told.csv], {type: "text/csv"}));
  votes = Object.fromEntries(Object.entries(told.images).map(
    ([mark, image]) => [mark, [VOTES[image.votes], ...image.notes].join("; ")]));
  document.body.dataset.accounted = marks.length + refused.length;
}

function add(files) {
  const room = about.max_files - views.length - waiting.length - Number(busy);
  [...files].forEach((file, i) => {
    if (i >= room) refuse(file, `${file.name}: not scored; the page holds at most ` +
      `${about.max_files} views. Remove some and drop it again.`);
    else if (file.size > about.max_bytes) {
      refuse(file, `${file.name} is larger than the limit; no mammogram is.`);
    } else waiting.push({file, frame: ""});
  });
  work();
}

async function work() {
  if (busy) return;
  busy = true;
  while (waiting.length) {
    const {file, frame} = waiting.shift();
    byId("state").textContent = `Scoring ${file.name}; ${waiting.length} more wait.`;
    try {
      await score(file, frame);
    } catch {
      refuse(file, `${file.name}: the program does not answer; is it still running?`);
    }
  }
  busy = false;
  byId("state").textContent = "";
}

async function score(file, frame) {
  const headers = {"X-Name": encodeURIComponent(file.name)};
  if (frame) headers["X-Frame"] = frame;
  const response = await fetch("score", {method: "POST", headers, body: file});
  const answer = await response.json();
  if (!response.ok) {
    refuse(file, answer.error);
    return;
  }
  views.push(answer);
  if (!current()) select(answer.exam || answer.mark, true);
  await renew();
}

// A file without a score is named with the reason; a stack can be asked for a frame.
function refuse(file, sentence) {
  const told = {name: file.name, error: sentence};
  refused.push(told);
  const item = element("li", {class: "failed"}, sentence);
  if (/ is a stack of \d+ frames/.test(sentence)) {
    const frame = element("input", {type: "number", min: 0, step: 1, value: 0,
      "aria-label": `Frame of ${file.name}`});
    const again = element("button", {type: "button"}, "score this frame");
    again.addEventListener("click", () => {
      item.remove();
      refused.splice(refused.indexOf(told), 1);
      waiting.push({file, frame: frame.value});
      work();
    });
    item.append(" ", frame, " ", again);
  }
  byId("refused").append(item);
  account();
}

// What is chosen stands in the address, so that "back" goes back to it.
const current = () => decodeURIComponent(location.hash.slice(1));

function select(key, replaces) {
  const address = `#${encodeURIComponent(key)}`;
  if (replaces) history.replaceState(null, "", address);
  else if (key !== current()) history.pushState(null, "", address);
  list();
  show();
}

function exams() {
  const groups = new Map();
  for (const view of views) {
    const key = view.exam || view.mark;
    groups.set(key, [...(groups.get(key) || []), view]);
  }
  return groups;
}

function list() {
  const items = [...exams()].map(([key, many]) => {
    const flags = many.filter(({flags}) => flags.length).length;
    const highest = Math.max(...many.map(({score}) => score));
    const button = element("button", {type: "button",
      "aria-pressed": String(key === current())},
    many[0].patient || many[0].name, element("small", {},
      `${many.length} view${many.length > 1 ? "s" : ""}, highest score ` +
      `${highest.toFixed(3)}`));
    if (flags) {
      button.append(element("small", {class: "flags"}, `${flags} flagged`));
    }
    button.addEventListener("click", () => select(key));
    return element("li", {}, button);
  });
  byId("exams").replaceChildren(...items);
  byId("all").setAttribute("aria-pressed", String(current() === "all"));
}

function limit() {
  const text = byId("threshold").value.trim();
  return text === "" || Number.isNaN(Number(text)) ? null : Number(text);
}

function verdict({score}) {
  const text = `Score ${score.toFixed(3)}`;
  if (limit() === null) return `${text}; no threshold is set`;
  return `${text}, ${score >= limit() ? "at or above" : "below"} the threshold ${limit()}`;
}

// Many views leave no room for sentences.
function brief({score, flags}) {
  return {caption: `Score ${score.toFixed(3)}`, flags: flags.length === 0 ? []
    : [`${flags.length} flag${flags.length > 1 ? "s" : ""}`]};
}

function meaning() {
  const own = about.operating;
  if (limit() === null) {
    return own ? "" : "The models carry no operating point, so no threshold is set.";
  }
  if (!own || own.threshold !== limit()) return "A threshold that was typed here.";
  const share = Number(byId("prevalence").value) / 100;
  const right = own.sensitivity * share;
  const positive = right + (1 - own.specificity) * (1 - share);
  return `Threshold of the model: ${own.origin}; sensitivity ` +
    `${own.sensitivity.toFixed(3)}, specificity ${own.specificity.toFixed(3)} there. ` +
    (positive > 0 ? `Where ${(100 * share).toFixed(2)} % show cancer, ` +
      `${(100 * right / positive).toFixed(1)} % of those at or above it do (positive ` +
      "predictive value)." : "");
}

function show() {
  byId("point").textContent = meaning();
  const groups = exams();
  const all = current() === "all";
  const chosen = all ? views : groups.get(current()) || [...groups.values()][0] || [];
  viewer.show(chosen.map(view => ({
    ...view, side: view.laterality, ...(all ? brief(view) : {caption: verdict(view)}),
    load: () => picture(view.mark),
    detail: (box, rows) => picture(view.mark, {...box, rows}),
    layers: view.layers.map(layer => ({...layer, load: () => grey(layer.image)})),
  })), all ? {columns: 5} : {});
  viewer.head.replaceChildren(...(all ? [] : facts(chosen)));
}

// A view as grey values, or the part of it that a box names.
async function picture(mark, part) {
  const question = part ? `?${new URLSearchParams(part)}` : "";
  const response = await fetch(`picture/${mark}${question}`);
  if (!response.ok) throw new Error(response.statusText);
  const told = Object.fromEntries(["Width", "Height", "White", "Left", "Top", "Right",
    "Bottom"].map(name => [name.toLowerCase(), Number(response.headers.get(`X-${name}`))]));
  return {...told, pixels: new Uint16Array(await response.arrayBuffer())};
}

function facts(chosen) {
  const groups = [...new Set(chosen.flatMap(view => view.groups.map(
    text => text.startsWith("Breast") ? `${view.laterality} ${text}` : text)))];
  return [...groups.map(text => element("p", {}, text)), ...chosen.map(view => {
    const remove = element("button", {type: "button", "data-remove": view.mark,
      "aria-label": `Remove ${view.name}`}, "remove");
    remove.addEventListener("click", async () => {
      await fetch("remove", {method: "POST", headers: {"X-Id": view.mark}});
      await renew();
    });
    const calibrated = view.calibrated === null ? ""
      : `, calibrated ${view.calibrated.toFixed(3)}`;
    return element("div", {class: "image-facts"},
      element("p", {}, element("b", {}, [view.laterality, view.view].filter(Boolean).join(
        " ") || "side unknown"), ` ${view.name} `, remove),
      element("p", {class: "score"}, `${verdict(view)}${calibrated}`),
      element("ul", {class: "flags", "aria-label": `Flags of ${view.name}`},
        ...[...view.points, ...view.flags].map(text => element("li", {}, text))),
      element("p", {class: "votes legend"}, votes[view.mark] || ""),
      element("p", {class: "legend"}, view.notes.join("; ")));
  })];
}

for (const name of ["threshold", "prevalence"]) byId(name).addEventListener("input", show);
byId("all").addEventListener("click", () => select("all"));
window.addEventListener("popstate", () => { list(); show(); });
byId("files").onchange = event => {
  add(event.target.files);
  event.target.value = "";
};
const drop = byId("drop");
document.ondragover = event => { event.preventDefault(); drop.classList.add("over"); };
document.ondragleave = () => drop.classList.remove("over");
document.ondrop = event => {
  event.preventDefault();
  drop.classList.remove("over");
  add(event.dataTransfer.files);
};
start();
