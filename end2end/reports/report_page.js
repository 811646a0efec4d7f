"use strict";
(() => {
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const byId = (name) => document.getElementById(name);

  // The viewer: one dialog that all tables of cases share.
  const viewer = byId("viewer");
  const state = { cases: [], order: [], place: 0, layers: new Map(), hidden: false };

  const sheet = () => byId("viewer-stage").querySelector(".sheet");

  const applyLayers = () => {
    const stage = sheet();
    if (!stage) return;
    for (const image of stage.querySelectorAll("img.layer")) {
      const layer = state.layers.get(image.dataset.layer);
      image.style.opacity = state.hidden || !layer.on ? 0 : layer.opacity / 100;
    }
    const base = stage.querySelector("img.base");
    base.style.filter = `brightness(${byId("viewer-brightness").value}%) ` +
      `contrast(${byId("viewer-contrast").value}%)`;
  };

  const layerControls = (layers) => {
    const box = byId("viewer-layers");
    box.querySelectorAll(".layer-row").forEach((row) => row.remove());
    box.hidden = layers.length === 0;
    layers.forEach(({ name }, i) => {
      if (!state.layers.has(name)) {
        state.layers.set(name, { on: i === 0 || name === "outlines", opacity: 80 });
      }
      const layer = state.layers.get(name);
      const check = element("input", { type: "checkbox", id: `layer-on-${i}` });
      check.checked = layer.on;
      const range = element("input", {
        type: "range", min: 0, max: 100, step: 1, id: `layer-opacity-${i}`,
        "aria-label": `Opacity of ${name}`,
      });
      range.value = layer.opacity;
      check.addEventListener("change", () => { layer.on = check.checked; applyLayers(); });
      range.addEventListener("input", () => {
        layer.opacity = Number(range.value);
        range.setAttribute("aria-valuetext", `${range.value} percent`);
        if (!layer.on) { layer.on = true; check.checked = true; }
        applyLayers();
      });
      box.append(element("div", { class: "layer-row" },
        element("label", {}, check, name), range));
    });
  };

  const show = () => {
    const shown = state.cases[state.order[state.place]];
    byId("viewer-name").textContent = shown.name;
    byId("viewer-place").textContent = `case ${state.place + 1} of ${state.order.length}`;
    byId("viewer-verdict").textContent = shown.verdict;
    byId("viewer-verdict").classList.toggle("wrong", shown.wrong);
    const base = element("img", {
      class: "base", src: shown.image, alt: `Mammogram ${shown.name}. ${shown.verdict}`,
    });
    const layers = shown.layers.map(({ name, image }) => {
      const made = element("img", { class: "layer", src: image, alt: "" });
      made.dataset.layer = name;
      return made;
    });
    byId("viewer-stage").replaceChildren(element("div", { class: "sheet" }, base, ...layers));
    layerControls(shown.layers);
    const details = Object.entries(shown.details).flatMap(([name, value]) => [
      element("dt", {}, name), element("dd", {}, value)]);
    byId("viewer-details").replaceChildren(...details);
    byId("viewer-previous").disabled = state.place === 0;
    byId("viewer-next").disabled = state.place === state.order.length - 1;
    applyLayers();
  };

  const move = (step) => {
    const place = state.place + step;
    if (place < 0 || place >= state.order.length) return;
    state.place = place;
    show();
  };

  const toggleZoom = () => {
    const on = byId("viewer-stage").classList.toggle("zoomed");
    byId("viewer-zoom").setAttribute("aria-pressed", String(on));
  };

  if (viewer) {
    byId("viewer-previous").addEventListener("click", () => move(-1));
    byId("viewer-next").addEventListener("click", () => move(1));
    byId("viewer-zoom").addEventListener("click", toggleZoom);
    byId("viewer-close").addEventListener("click", () => viewer.close());
    for (const name of ["viewer-brightness", "viewer-contrast"]) {
      byId(name).addEventListener("input", applyLayers);
    }
    byId("viewer-reset").addEventListener("click", () => {
      byId("viewer-brightness").value = 100;
      byId("viewer-contrast").value = 100;
      applyLayers();
    });
    viewer.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const slider = event.target.matches("input[type=range]");
      const scrolls = event.target.id === "viewer-stage" &&
        event.target.classList.contains("zoomed");
      if (event.key === "ArrowLeft" && !slider && !scrolls) move(-1);
      else if (event.key === "ArrowRight" && !slider && !scrolls) move(1);
      else if (event.key.toLowerCase() === "z") toggleZoom();
      else if (event.key.toLowerCase() === "h") {
        state.hidden = !state.hidden;
        applyLayers();
      } else return;
      event.preventDefault();
    });
    viewer.addEventListener("close", () => {
      const open = state.opener && state.opener(state.order[state.place]);
      if (open) open.focus();
    });
  }

  // Tables of cases: sort, filter, open.
  for (const section of document.querySelectorAll(".cases")) {
    const cases = JSON.parse(section.querySelector("script").textContent);
    const body = section.querySelector("tbody");
    const rows = [...body.rows];
    const count = section.querySelector(".count");

    const visible = () => [...body.rows].filter((row) => !row.hidden);
    const open = (row) => {
      state.cases = cases;
      state.order = visible().map((one) => Number(one.dataset.case));
      state.place = state.order.indexOf(Number(row.dataset.case));
      state.opener = (index) => section.querySelector(`tr[data-case="${index}"] button`);
      show();
      viewer.showModal();
      byId("viewer-next").focus();
    };
    for (const row of rows) {
      row.addEventListener("click", () => open(row));
    }

    const value = (row, column) => {
      const cell = row.cells[column];
      const number = Number(cell.dataset.value);
      return cell.dataset.value !== undefined && cell.dataset.value !== "" &&
        !Number.isNaN(number) ? number : cell.textContent.trim();
    };
    const compare = (a, b) => typeof a === "number" && typeof b === "number"
      ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
    section.querySelectorAll("th button").forEach((button) => {
      const heading = button.closest("th");
      button.addEventListener("click", () => {
        const descending = heading.getAttribute("aria-sort") === "ascending" ||
          (heading.dataset.first === "descending" &&
           heading.getAttribute("aria-sort") !== "descending");
        for (const other of section.querySelectorAll("th")) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const column = heading.cellIndex;
        rows.sort((a, b) => compare(value(a, column), value(b, column)) *
          (descending ? -1 : 1));
        body.append(...rows);
      });
    });

    const filters = [...section.querySelectorAll(".filters button")];
    for (const button of filters) {
      button.addEventListener("click", () => {
        for (const other of filters) {
          other.setAttribute("aria-pressed", String(other === button));
        }
        const wanted = button.dataset.kind;
        for (const row of rows) {
          row.hidden = wanted !== "" && !row.dataset.kinds.split(" ").includes(wanted);
        }
        count.textContent = `${visible().length} of ${rows.length} images`;
      });
    }

    // Small pictures are the large ones, set when they come into view.
    const watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        target.src = cases[Number(target.closest("tr").dataset.case)].image;
        watcher.unobserve(target);
      }
    }, { rootMargin: "200px" });
    section.querySelectorAll("td.thumb img").forEach((image) => watcher.observe(image));
  }
})();
