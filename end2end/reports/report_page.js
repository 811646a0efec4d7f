"use strict";
(() => {
  const {element, grey, mammogram, bytes} = Pixels;
  const byId = (name) => document.getElementById(name);
  // Views that fit on paper, four to a page.
  const MOST_PRINTED = 120;

  const dialog = byId("viewer");
  const state = { cases: [], order: [], place: 0, exam: true };
  let shownBy = null;

  const viewOf = (entry) => ({
    ...entry,
    load: () => mammogram(entry.image),
    layers: entry.layers.map(layer => ({...layer, load: () => grey(layer.image)})),
  });

  // Tables of cases: sort, filter, open.
  class Table {
    constructor(section) {
      this.section = section;
      const {cases, colours, operating, classes} =
        JSON.parse(section.querySelector("script").textContent);
      Object.assign(this, {cases, operating, classes, kind: "", selected: new Map()});
      this.colours = Object.fromEntries(Object.entries(colours).map(
        ([name, text]) => [name, bytes(text)]));
      this.body = section.querySelector("tbody");
      this.rows = [...this.body.rows];
      this.count = section.querySelector(".count");
      this.threshold = section.querySelector(".threshold");
      this.prevalence = section.querySelector(".prevalence");
      this.listen();
      this.judge();
    }

    get visible() { return [...this.body.rows].filter((row) => !row.hidden); }

    listen() {
      this.rows.forEach((row) => row.addEventListener("click", () => this.open(row)));
      this.section.querySelectorAll("th button").forEach((button) => {
        button.addEventListener("click", () => this.sort(button.closest("th")));
      });
      const kinds = [...this.section.querySelectorAll("button[data-kind]")];
      kinds.forEach((button) => button.addEventListener("click", () => {
        kinds.forEach((other) => other.setAttribute(
          "aria-pressed", String(other === button)));
        this.kind = button.dataset.kind;
        this.filter();
      }));
      this.section.querySelectorAll("select[data-detail]").forEach((select) => {
        select.addEventListener("change", () => {
          this.selected.set(select.dataset.detail, select.value);
          this.filter();
        });
      });
      for (const input of [this.threshold, this.prevalence]) {
        if (input) input.addEventListener("input", () => this.judge());
      }
      // Small pictures are the large ones, set when they come into view.
      const watcher = new IntersectionObserver((entries) => {
        for (const { target, isIntersecting } of entries) {
          if (!isIntersecting) continue;
          target.src = this.cases[Number(target.closest("tr").dataset.case)].image;
          watcher.unobserve(target);
        }
      }, { rootMargin: "200px" });
      this.section.querySelectorAll("td.thumb img").forEach(
        (image) => watcher.observe(image));
    }

    // What a score means at the threshold that is set, if any is.
    get limit() {
      const text = this.threshold ? this.threshold.value.trim() : "";
      return text === "" || Number.isNaN(Number(text)) ? null : Number(text);
    }

    isPositive(entry) { return this.limit !== null && entry.score >= this.limit; }

    kindsOf(entry) {
      const kinds = [`label${entry.label}`];
      if (this.limit === null || entry.label === null) return kinds;
      const positive = this.isPositive(entry);
      if (positive !== (entry.label === 1)) {
        kinds.push("wrong", positive ? "falsepositive" : "falsenegative");
      }
      return kinds;
    }

    verdict(entry) {
      const score = `Score ${entry.score.toFixed(3)}`;
      const truth = entry.label === null ? "" : `; truth: ${this.classes[entry.label]}`;
      if (this.limit === null) return `${score}; no threshold is set${truth}`;
      const wrong = this.kindsOf(entry).includes("wrong");
      const judged = entry.label === null ? "" : wrong ? " (wrong)" : " (right)";
      return `${score}, ${this.isPositive(entry) ? "at or above" : "below"} the threshold ` +
        `${this.limit}${truth}${judged}`;
    }

    judge() {
      const known = this.cases.filter(({ label }) => label !== null);
      const said = [];
      if (this.limit !== null) {
        const share = (label, positive) => {
          const of = known.filter((entry) => entry.label === label);
          const right = of.filter((entry) => this.isPositive(entry) === positive).length;
          return of.length ? right / of.length : null;
        };
        let [sensitivity, specificity] = [share(1, true), share(0, false)];
        let where = "on these images";
        const own = this.operating;
        if (own && own.threshold === this.limit) {
          said.push(`Threshold ${own.threshold}: ${own.origin}.`);
          if (known.length === 0) {
            [sensitivity, specificity] = [own.sensitivity, own.specificity];
            where = "there";
          }
        }
        if (sensitivity !== null && specificity !== null) {
          said.push(`Sensitivity ${sensitivity.toFixed(3)}, specificity ` +
            `${specificity.toFixed(3)} ${where}.`);
          const prevalence = Number(this.prevalence.value) / 100;
          const positive = sensitivity * prevalence +
            (1 - specificity) * (1 - prevalence);
          if (prevalence > 0 && prevalence < 1 && positive > 0) {
            said.push("Of images at or above it, " +
              `${(100 * sensitivity * prevalence / positive).toFixed(1)} % would show ` +
              `cancer where ${(100 * prevalence).toFixed(2)} % of all do ` +
              "(positive predictive value).");
          }
        }
      }
      const place = this.section.querySelector(".meaning");
      if (place) place.textContent = said.join(" ");
      this.rows.forEach((row) => {
        const kinds = this.kindsOf(this.cases[Number(row.dataset.case)]);
        row.dataset.kinds = kinds.join(" ");
        row.querySelectorAll("td.label").forEach(
          (cell) => cell.classList.toggle("wrong", kinds.includes("wrong")));
      });
      this.filter();
    }

    filter() {
      const fits = (entry) => [...this.selected].every(([name, value]) => {
        if (value === "") return true;
        if (name !== "flags") return entry.details[name] === value;
        return value === "none" ? entry.flags.length === 0
          : value === "any" ? entry.flags.length > 0 : entry.flags.includes(value);
      });
      for (const row of this.rows) {
        row.hidden = (this.kind !== "" && !row.dataset.kinds.split(" ").includes(this.kind)) ||
          !fits(this.cases[Number(row.dataset.case)]);
      }
      this.count.textContent = `${this.visible.length} of ${this.rows.length} images`;
    }

    sort(heading) {
      const descending = heading.getAttribute("aria-sort") === "ascending" ||
        (heading.dataset.first === "descending" &&
         heading.getAttribute("aria-sort") !== "descending");
      for (const other of this.section.querySelectorAll("th")) {
        other.removeAttribute("aria-sort");
      }
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const value = (row) => {
        const cell = row.cells[heading.cellIndex];
        const number = Number(cell.dataset.value);
        return cell.dataset.value && !Number.isNaN(number) ? number
          : cell.textContent.trim();
      };
      const compare = (a, b) => typeof a === "number" && typeof b === "number"
        ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
      this.rows.sort((a, b) => compare(value(a), value(b)) * (descending ? -1 : 1));
      this.body.append(...this.rows);
    }

    open(row) {
      shownBy = this;
      state.cases = this.cases;
      state.order = this.visible.map((other) => Number(other.dataset.case));
      state.place = state.order.indexOf(Number(row.dataset.case));
      dialog.showModal();
      show();
      byId("viewer-next").focus();
    }
  }

  let viewer = null;
  const show = () => {
    const entry = state.cases[state.order[state.place]];
    if (!viewer) viewer = new MammogramViewer(byId("viewer-place-of-views"), {});
    viewer.colours = shownBy.colours;
    const together = state.exam && entry.exam
      ? state.cases.filter(({ exam }) => exam === entry.exam) : [entry];
    byId("viewer-name").textContent = entry.name;
    byId("viewer-place").textContent = `case ${state.place + 1} of ${state.order.length}`;
    byId("viewer-previous").disabled = state.place === 0;
    byId("viewer-next").disabled = state.place === state.order.length - 1;
    byId("viewer-exam").hidden = !entry.exam;
    byId("viewer-exam").setAttribute("aria-pressed", String(state.exam));
    viewer.show(together.map((other) => ({...viewOf(other),
      caption: shownBy.verdict(other)})));
    const details = Object.entries(entry.details).flatMap(([name, value]) => [
      element("dt", {}, name), element("dd", {}, value)]);
    const verdict = element("p", { class: "verdict" }, shownBy.verdict(entry));
    verdict.classList.toggle("wrong", shownBy.kindsOf(entry).includes("wrong"));
    viewer.head.replaceChildren(verdict, ...entry.groups.map(
      (text) => element("p", {}, text)), element("dl", {}, ...details));
  };

  const move = (step) => {
    const place = state.place + step;
    if (place < 0 || place >= state.order.length) return;
    state.place = place;
    show();
  };
  const toggleExam = () => { state.exam = !state.exam; show(); };

  if (dialog) {
    byId("viewer-previous").addEventListener("click", () => move(-1));
    byId("viewer-next").addEventListener("click", () => move(1));
    byId("viewer-exam").addEventListener("click", toggleExam);
    byId("viewer-close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const typed = event.target.matches("input");
      const acts = { p: () => move(-1), n: () => move(1), e: toggleExam };
      if (!typed) Object.assign(acts, { ArrowLeft: acts.p, ArrowRight: acts.n });
      if (acts[event.key]) {
        acts[event.key]();
        event.preventDefault();
      } else if (viewer && !typed) viewer.key(event);
    });
    dialog.addEventListener("close", () => {
      const open = shownBy?.section.querySelector(
        `tr[data-case="${state.order[state.place]}"] button`);
      if (open) open.focus();
    });
  }

  const tables = [...document.querySelectorAll(".cases")].map(
    (section) => new Table(section));

  // On paper: the views that the filters leave, as hung, with their contours.
  const svg = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  // All views of an exam at one scale: millimetres where every file tells the size of
  // its pixels, else pixels.
  const framed = (views) => {
    const known = views.every((view) => view.spacing > 0);
    const unit = (view) => known ? view.spacing : 1;
    return { unit, width: Math.max(...views.map((view) => view.width * unit(view))),
      height: Math.max(...views.map((view) => view.height * unit(view))) };
  };
  const printed = (table, entry, frame) => {
    const wall = { R: "right", L: "left" }[entry.side] || entry.wall || "left";
    const mirrored = entry.wall && entry.wall !== wall;
    const unit = frame.unit(entry);
    const [width, height] = [entry.width * unit, entry.height * unit];
    const left = (wall === "right" ? frame.width - width : 0) + (mirrored ? width : 0);
    const drawing = svg("svg", { viewBox: `0 0 ${frame.width} ${frame.height}`,
      preserveAspectRatio: wall === "right" ? "xMaxYMid" : "xMinYMid" });
    const hung = svg("g", { transform: `translate(${left} ${(frame.height - height) / 2}) ` +
      `scale(${mirrored ? -unit : unit} ${unit})` });
    hung.append(svg("image", { href: entry.image, width: entry.width,
      height: entry.height, preserveAspectRatio: "none" }));
    for (const { kind, points } of entry.lines) {
      hung.append(svg("polygon", { class: kind, points: points.map(
        ([x, y]) => `${x * entry.width},${y * entry.height}`).join(" ") }));
    }
    drawing.append(hung);
    return element("figure", {}, drawing, element("figcaption", {}, element("b", {},
      `${entry.side} ${entry.view} `), `${entry.name}${mirrored ? ", shown mirrored" : ""}. ` +
      table.verdict(entry),
    ...entry.flags.map((flag) => element("span", { class: "flagged" }, ` Flag: ${flag}.`))));
  };
  const sheets = (table) => {
    const entries = table.visible.map((row) => table.cases[Number(row.dataset.case)]);
    const exams = new Map();
    entries.slice(0, MOST_PRINTED).forEach((entry, i) => {
      const key = entry.exam || `alone ${i}`;
      exams.set(key, [...(exams.get(key) || []), entry]);
    });
    const pages = [...exams.values()].map((views) => {
      const frame = framed(views);
      return element("div", { class: "sheet" }, ...MammogramViewer.hanging(views).map(
        ([view]) => view ? printed(table, view, frame)
          : element("figure", { class: "none" })));
    });
    const more = entries.length - MOST_PRINTED;
    if (more > 0) {
      pages.push(element("p", {}, `${more} further images are in the page only; filter ` +
        "them to print them."));
    }
    return element("div", { class: "print-only" }, ...pages);
  };
  window.addEventListener("beforeprint", () => {
    tables.forEach((table) => table.section.append(sheets(table)));
  });
  window.addEventListener("afterprint", () => {
    document.querySelectorAll(".print-only").forEach((node) => node.remove());
  });
})();
