"use strict";
// Files go one by one to the program on this machine; the page keeps what it shows.

const byId = name => document.getElementById(name);
const waiting = [];
let about = {max_bytes: 0, max_files: 0, heatmap: "heatmap"};
let busy = false;

async function start() {
  about = await (await fetch("about")).json();
  byId("notice").textContent = about.notice;
  byId("meaning").textContent = about.meaning;
  byId("models").textContent = about.models.map(
    (name, i) => `${name}, trained on: ${about.trained_on[i]}`).join("; ");
  byId("limits").textContent = `At most ${about.max_files} files of up to ` +
    `${Math.round(about.max_bytes / 1048576)} MB. They stay on this machine and are ` +
    "not stored.";
  document.body.dataset.ready = "yes";
}

function add(files) {
  for (const file of files) {
    const view = byId("view").content.firstElementChild.cloneNode(true);
    view.querySelector("h2").textContent = file.name;
    const full = byId("views").children.length >= about.max_files;
    if (full) {
      byId("state").textContent = `Not more than ${about.max_files} files at once; ` +
        "remove some first.";
      break;
    }
    byId("views").append(view);
    view.querySelector(".remove").onclick = () => { view.remove(); account(); };
    if (file.size > about.max_bytes) {
      fail(view, `${file.name} is larger than the limit; no mammogram is.`);
      continue;
    }
    view.querySelector(".score").textContent = "waiting";
    waiting.push([file, view]);
  }
  work();
}

async function work() {
  if (busy) return;
  busy = true;
  while (waiting.length) {
    const [file, view] = waiting.shift();
    if (!view.isConnected) continue;
    byId("state").textContent = `Scoring ${file.name}; ${waiting.length} more wait.`;
    view.querySelector(".score").textContent = "scoring";
    try {
      await score(file, view);
    } catch (error) {
      fail(view, "The program does not answer; is it still running?");
    }
  }
  busy = false;
  byId("state").textContent = "";
  account();
}

const VOTES = {yes: "counts for its breast", no: "counts for no breast",
               alone: "counts for no mean, as its side, view or patient is unknown"};

// What belongs together depends on all files that are shown.
async function account() {
  if (busy) return;
  const views = [...byId("views").children];
  const refused = views.filter(view => view.dataset.error).map(view => ({
    name: view.querySelector("h2").textContent, error: view.dataset.error}));
  const marks = views.map(view => view.dataset.mark).filter(Boolean);
  byId("account").hidden = views.length === 0;
  const response = await fetch("account", {
    method: "POST", headers: {"X-Name": "account"},
    body: JSON.stringify({marks, refused})});
  if (!response.ok) return;
  const told = await response.json();
  list(byId("counts"), told.lines);
  URL.revokeObjectURL(byId("csv").href);
  byId("csv").href = URL.createObjectURL(new Blob([told.csv], {type: "text/csv"}));
  for (const view of views) {
    const image = told.images[view.dataset.mark];
    if (!image) continue;
    view.querySelector(".votes").textContent =
      [VOTES[image.votes], ...image.notes].join("; ");
  }
  document.body.dataset.accounted = marks.length + refused.length;
}

async function score(file, view) {
  const headers = {"X-Name": encodeURIComponent(file.name)};
  if (byId("frame").value) headers["X-Frame"] = byId("frame").value;
  const response = await fetch("score", {method: "POST", headers, body: file});
  const reply = await response.json();
  if (response.ok) show(view, reply);
  else fail(view, reply.error);
}

function fail(view, sentence) {
  view.classList.add("failed");
  view.dataset.error = sentence;
  view.querySelector(".score").textContent = "no score";
  list(view.querySelector(".flags"), [sentence]);
  for (const part of view.querySelectorAll(".picture, .tools label, .reset")) part.remove();
}

function list(place, sentences) {
  place.replaceChildren(...sentences.map(sentence => {
    const item = document.createElement("li");
    item.textContent = sentence;
    return item;
  }));
}

function show(view, found) {
  view.dataset.mark = found.mark;
  const place = [found.patient, found.laterality, found.view].filter(Boolean).join(" ");
  const calibrated = found.calibrated === null ? ""
    : `, calibrated ${found.calibrated.toFixed(3)}`;
  view.querySelector(".score").textContent =
    `score ${found.score.toFixed(3)}${calibrated}${place ? ` (${place})` : ""}`;
  list(view.querySelector(".flags"), [...found.points, ...found.flags]);
  view.querySelector(".notes").textContent = found.notes.join("; ");
  view.querySelector(".heatmap-name").textContent = about.heatmap;
  for (const kind of ["saliency", "heatmap"]) {
    const layer = view.querySelector(`img.${kind}`);
    const slider = view.querySelector(`.show-${kind}`);
    layer.src = found.layers[kind];
    const fade = () => { layer.style.opacity = slider.value / 100; };
    slider.oninput = fade;
    fade();
  }
  windowed(view, found);
}

function windowed(view, found) {
  const bytes = Uint8Array.from(atob(found.pixels), one => one.charCodeAt(0));
  const values = new DataView(bytes.buffer);
  const canvas = view.querySelector("canvas");
  const [width, level] = [view.querySelector(".window"), view.querySelector(".level")];
  canvas.width = found.width;
  canvas.height = found.height;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(found.width, found.height);
  const draw = () => {
    const low = level.value - width.value / 2;
    for (let i = 0; i < bytes.length / 2; i += 1) {
      const grey = (values.getUint16(2 * i, true) - low) * 255 / width.value;
      picture.data.fill(grey, 4 * i, 4 * i + 3);
      picture.data[4 * i + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
  };
  const reset = () => {
    width.value = found.white;
    level.value = found.white / 2;
    draw();
  };
  width.oninput = draw;
  level.oninput = draw;
  view.querySelector(".reset").onclick = reset;
  reset();
}

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
