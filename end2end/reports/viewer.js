"use strict";
// Shows mammograms as radiologists hang them. The report and the local page share it.
//
// new MammogramViewer(place, colours).show(views); a view is an object with
//   name, side ("L", "R", ""), view ("CC", ...), wall ("left", "right": where the chest
//   wall is in the picture), width and height in pixels of the mammogram, spacing in
//   millimetres or null, load(): promise of {pixels, width, height, white} (a Uint16Array
//   from 0), detail(box, rows), where there is more than that: promise of the same for a
//   part of the mammogram with its box, {left, top, right, bottom} in shares of it;
//   layers: [{name, title, colours, load(): promise of {pixels, width, height}, legend}],
//   lines: [{kind, points: [[x, y], ...]}] in shares of the picture, caption and flags
//   (texts).
const MammogramViewer = (() => {
  const STEP = 1.25;
  const PAN = 60;
  const MOST_ZOOM = 40;
  // Milliseconds: of drawing before a picture of the screen, and of rest before details
  // are asked for.
  const DRAWING = 25;
  const REST = 120;
  const WHOLE = {left: 0, top: 0, right: 1, bottom: 1};
  // Presets: ends of the window as shares of white.
  const PRESETS = [["all grey", 0, 1], ["dense", 0.3, 1], ["fatty", 0, 0.6],
    ["skin", 0, 0.2]];
  const PLACES = [["R", "MLO"], ["L", "MLO"], ["R", "CC"], ["L", "CC"]];
  const LINES = {map: ["#ffffff", []], malignant: ["#0072ff", []],
    benign: ["#00be78", [6, 5]], unknown: ["#c8c8c8", []]};

  const {element, clamp, pyramid, coloured, sample, tone} = Pixels;
  const button = (text, title, act) => {
    const node = element("button", {type: "button", title}, text);
    node.addEventListener("click", act);
    return node;
  };

  class Pane {
    constructor(viewer, view, [side, name]) {
      this.viewer = viewer;
      this.view = view;
      // As hung: the chest walls of both breasts meet in the middle.
      this.wall = {R: "right", L: "left"}[side] || view?.wall || "left";
      this.node = element("figure", {class: `pane wall-${this.wall}`, tabindex: "0"});
      if (!view) {
        this.node.classList.add("empty");
        this.node.dataset.place = `${side} ${name}`;
        this.node.removeAttribute("tabindex");
        return;
      }
      this.base = element("canvas", {"aria-hidden": "true"});
      this.over = element("canvas", {"aria-hidden": "true"});
      const mirrored = view.wall && view.wall !== this.wall ? ", shown mirrored" : "";
      const caption = element("figcaption", {}, element("b", {},
        `${view.side || "side unknown"} ${view.view || ""}`.trim()), mirrored,
      element("br"), view.caption);
      for (const flag of view.flags || []) {
        caption.append(element("span", {class: "flagged"}, flag));
      }
      this.node.setAttribute("role", "group");
      this.node.setAttribute("aria-label", `Mammogram ${view.name}. ${caption.textContent}`);
      this.node.append(this.base, this.over, caption);
      this.layers = new Map();
      this.node.classList.add("loading");
    }

    // Loads the picture once the pane can be seen.
    load() {
      if (this.asked || !this.view) return;
      this.asked = true;
      this.view.load().then(picture => {
        this.levels = pyramid(picture);
        this.white = picture.white;
        this.node.classList.remove("loading");
        this.renew();
      }).catch(() => { this.node.classList.remove("loading"); });
      for (const layer of this.view.layers) {
        layer.load().then(map => {
          this.layers.set(layer.name, coloured(map, this.viewer.colours[layer.colours]));
          this.renew();
        });
      }
    }

    // Something new is to be drawn.
    renew() {
      this.sampled = "";
      this.version = -1;
      this.viewer.wake();
    }

    // The unit in which all panes have one scale.
    get unit() { return this.viewer.metric ? this.view.spacing : 1; }

    // From columns and rows of the mammogram to pixels of the screen: x * a + c, y * b + d.
    place(width, height) {
      const {scale, zoom, wallwards, down} = this.viewer.state;
      const k = scale * zoom * (width / this.width) * this.unit;
      const towards = this.wall === "left" ? 1 : -1;
      const flips = (this.view.wall || this.wall) !== this.wall;
      const a = flips ? -k : k;
      const wall = this.wall === "left" ? 0 : this.view.width;
      const edge = flips ? this.view.width - wall : wall;
      const middle = width / 2 - towards * wallwards * scale * zoom * (width / this.width);
      return {a, b: k, c: middle - a * edge,
        d: height / 2 - down * scale * zoom * (width / this.width)};
    }

    size() {
      const {clientWidth, clientHeight} = this.node;
      this.width = clientWidth || 1;
      this.height = clientHeight || 1;
    }

    // The part of the mammogram that can be seen, in shares of it.
    get seen() {
      const {a, b, c, d} = this.place(this.width, this.height);
      const [x, y] = [this.view.width * a, this.view.height * b];
      const ends = [-c / x, (this.width - c) / x].sort((p, q) => p - q);
      return {left: clamp(ends[0], 0, 1), right: clamp(ends[1], 0, 1),
        top: clamp(-d / y, 0, 1), bottom: clamp((this.height - d) / y, 0, 1)};
    }

    // The coarsest picture that has a pixel for each of the screen where it is seen.
    source(scale) {
      const {detail, seen} = this;
      if (detail && detail.left <= seen.left && detail.right >= seen.right &&
          detail.top <= seen.top && detail.bottom >= seen.bottom &&
          this.view.width / this.levels[0].width > 1 / scale) return detail;
      const finest = this.view.width / this.levels[0].width;
      return {...WHOLE, ...this.levels[clamp(Math.floor(Math.log2(1 / scale / finest)), 0,
        this.levels.length - 1)]};
    }

    // Asks for what the picture at hand lacks where it is enlarged.
    sharpen(ratio) {
      if (!this.view.detail || !this.levels || !this.visible) return;
      const scale = this.place(this.width, this.height).b * ratio;
      const source = this.source(scale);
      const {left, top, right, bottom} = this.seen;
      const share = (source.bottom - source.top) * this.view.height / source.height;
      if (scale * share <= 1.2 || share <= 1 || left >= right || top >= bottom) return;
      // A little more than is seen, so that a small step needs no other.
      const [x, y] = [(right - left) / 4, (bottom - top) / 4];
      const box = {left: Math.max(left - x, 0), right: Math.min(right + x, 1),
        top: Math.max(top - y, 0), bottom: Math.min(bottom + y, 1)};
      const rows = Math.ceil((box.bottom - box.top) * this.view.height * Math.min(scale, 1));
      const key = JSON.stringify([box, rows]);
      if (this.wanted === key) return;
      this.wanted = key;
      this.view.detail(box, rows).then(detail => {
        if (this.wanted !== key) return;
        this.detail = detail;
        this.renew();
      }).catch(() => { this.wanted = ""; });
    }

    draw(ratio) {
      const [width, height] = [this.width * ratio, this.height * ratio].map(Math.round);
      const where = this.place(width, height);
      for (const canvas of [this.base, this.over]) {
        if (canvas.width !== width || canvas.height !== height) {
          Object.assign(canvas, {width, height});
          this.sampled = "";
        }
      }
      this.drawBase(where);
      this.drawOver(where, ratio);
      this.drawn = {...where, ratio};
      this.follow("");
    }

    // Where the picture is not yet drawn anew, that of before is moved and stretched.
    stretch() {
      if (!this.drawn) return;
      const {a, b, c, d, ratio} = this.drawn;
      const now = this.place(this.base.width, this.base.height);
      const [x, y] = [now.a / a, now.b / b];
      this.follow(`matrix(${x}, 0, 0, ${y}, ${(now.c - c * x) / ratio}, ` +
        `${(now.d - d * y) / ratio})`);
    }

    follow(transform) {
      if (this.following === transform) return;
      this.following = transform;
      this.base.style.transform = this.over.style.transform = transform;
    }

    drawBase({a, b, c, d}) {
      if (!this.levels) return;
      const {width, height} = this.base;
      const key = [a, b, c, d, width, height].join();
      if (this.sampled !== key) {
        this.sampled = key;
        const source = this.source(b);
        const x = source.width / (source.right - source.left) / this.view.width / a;
        const y = source.height / (source.bottom - source.top) / this.view.height / b;
        this.samples = sample(source, this.samples, {width, height, x, y,
          x0: -c * x - source.left * source.width / (source.right - source.left),
          y0: -d * y - source.top * source.height / (source.bottom - source.top)});
      }
      tone(this.base, this.samples, this.viewer.window(this.white));
    }

    drawOver({a, b, c, d}, ratio) {
      const {hidden, layers, lines} = this.viewer.state;
      const {width, height} = this.over;
      const key = JSON.stringify([a, b, c, d, width, height, hidden, lines,
        this.layers.size, ...layers.values()]);
      if (this.overlaid === key) return;
      this.overlaid = key;
      const context = this.over.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, width, height);
      if (hidden) return;
      const [w, h] = [this.view.width, this.view.height];
      context.setTransform(a, 0, 0, b, c, d);
      for (const [name, canvas] of this.layers) {
        const layer = layers.get(name);
        if (!layer.on) continue;
        context.globalAlpha = layer.opacity / 100;
        context.drawImage(canvas, 0, 0, w, h);
      }
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.globalAlpha = 1;
      if (!lines) return;
      // At the resolution of the screen, whatever the zoom.
      for (const {kind, points} of this.view.lines) {
        const [colour, dash] = LINES[kind];
        context.beginPath();
        points.forEach(([x, y]) => context.lineTo(x * w * a + c, y * h * b + d));
        context.closePath();
        context.lineWidth = 1.6 * ratio;
        context.setLineDash(dash.map(length => length * ratio));
        context.strokeStyle = colour;
        context.stroke();
      }
    }
  }

  class Viewer {
    constructor(place, colours) {
      this.colours = colours;
      this.state = {zoom: 1, scale: 1, wallwards: 0, down: 0, low: 0, high: 1,
        inverted: false, hidden: false, lines: true, layers: new Map()};
      this.panes = [];
      this.stage = element("div", {class: "panes"});
      this.said = element("p", {class: "state", role: "status"});
      this.panel = element("div", {class: "panel"});
      this.head = element("div", {class: "head"});
      this.controls = element("div");
      this.legends = element("div");
      this.panel.append(this.head, this.controls, this.legends, element("p",
        {class: "keys"}, "Keys: + and − zoom, 0 whole, 1 full size, arrows move when " +
        "enlarged, 2 to 5 windows, I inverts, H hides the maps, L the lines. Mouse: the wheel zooms, " +
        "dragging moves, with Shift it changes the window. Two fingers zoom."));
      this.tools = element("div", {class: "tools", role: "toolbar", "aria-label": "Viewer"});
      place.classList.add("viewer");
      place.append(this.tools, this.stage, this.panel);
      this.makeTools();
      this.listen();
      new ResizeObserver(() => this.fit(false)).observe(this.stage);
      this.watcher = new IntersectionObserver(entries => {
        for (const {target, isIntersecting} of entries) {
          const pane = this.panes.find(({node}) => node === target);
          if (!pane) continue;
          pane.visible = isIntersecting;
          if (isIntersecting) pane.load();
        }
        this.wake();
      });
    }

    makeTools() {
      const change = (name, act) => button(name[0], name[1], act);
      this.tools.append(
        change(["−", "Smaller (key −)"], () => this.zoom(1 / STEP)),
        change(["+", "Larger (key +)"], () => this.zoom(STEP)),
        change(["fit", "Whole mammogram (key 0)"], () => this.fit(true)),
        change(["1:1", "A pixel of the mammogram for one of the screen (key 1)"],
          () => this.fullSize()));
      this.presets = PRESETS.map(([name, low, high], i) => {
        const node = button(`${name}`, `Window (key ${i + 2})`, () => {
          Object.assign(this.state, {low, high});
          this.changed();
        });
        node.setAttribute("aria-pressed", "false");
        return node;
      });
      this.tools.append(element("span", {class: "group", role: "group",
        "aria-label": "Window"}, ...this.presets));
      this.tools.append(this.said);
    }

    // Which views are shown, those of an exam in their places.
    show(views, {columns = 0} = {}) {
      this.watcher.disconnect();
      const hung = columns ? views.map(view => [view, [view.side, view.view]])
        : hanging(views);
      this.panes = hung.map(([view, place]) => new Pane(this, view, place));
      this.stage.style.gridTemplateColumns =
        `repeat(${columns || (hung.length > 1 ? 2 : 1)}, minmax(0, 1fr))`;
      const rows = Math.ceil(hung.length / (columns || (hung.length > 1 ? 2 : 1)));
      this.stage.style.gridAutoRows = columns ? "minmax(14rem, 1fr)"
        : `minmax(0, ${100 / rows}%)`;
      this.stage.replaceChildren(...this.panes.map(({node}) => node));
      const known = views.filter(view => view.spacing);
      this.metric = known.length === views.length && views.length > 0;
      this.layerControls(views);
      for (const pane of this.panes) if (pane.view) this.watcher.observe(pane.node);
      this.fit(true);
    }

    layerControls(views) {
      const titles = new Map();
      views.forEach(view => view.layers.forEach(layer => titles.set(layer.name, layer)));
      this.controls.replaceChildren();
      for (const [name, layer] of titles) {
        if (!this.state.layers.has(name)) {
          this.state.layers.set(name, {on: this.state.layers.size === 0, opacity: 80});
        }
        this.controls.append(this.layerRow(name, layer));
      }
      this.addSliders();
      this.legends.replaceChildren(...[...titles.values()].map(({title, legend}) =>
        element("p", {class: "legend"}, element("b", {}, `${title}. `), legend || "")));
      if (titles.size) this.legends.prepend(this.bar([...titles.values()][0].colours));
    }

    layerRow(name, {title}) {
      const layer = this.state.layers.get(name);
      const check = element("input", {type: "checkbox", "data-layer": name});
      check.checked = layer.on;
      const range = element("input", {type: "range", min: 0, max: 100, "data-opacity": name,
        "aria-label": `Opacity of ${title}`});
      range.value = layer.opacity;
      check.addEventListener("change", () => { layer.on = check.checked; this.changed(); });
      range.addEventListener("input", () => {
        layer.opacity = Number(range.value);
        layer.on = check.checked = true;
        this.changed();
      });
      return element("div", {class: "layer-row"}, element("label", {}, check, title), range);
    }

    addSliders() {
      this.sliders = ["low", "high"].map(end => {
        const range = element("input", {type: "range", min: 0, max: 100, "data-window": end});
        range.addEventListener("input", () => {
          this.state[end] = range.value / 100;
          if (this.state.high <= this.state.low) {
            if (end === "low") this.state.high = this.state.low + 0.01;
            else this.state.low = this.state.high - 0.01;
          }
          this.changed();
        });
        return element("label", {class: "slider"}, element("span", {},
          end === "low" ? "Black from" : "White from"), range);
      });
      this.controls.append(...this.sliders);
    }

    // The colours of the maps with their numbers.
    bar(kind) {
      const canvas = element("canvas", {width: 16, height: 256, role: "img",
        "aria-label": "Colours of the maps from 0 (clear) to 1 (yellow)"});
      const ramp = {pixels: Uint8Array.from({length: 256}, (_, i) => 255 - i), width: 1,
        height: 256};
      const context = canvas.getContext("2d");
      context.fillStyle = "#5a5a5a";
      context.fillRect(0, 0, 16, 256);
      context.drawImage(coloured(ramp, this.colours[kind]), 0, 0, 16, 256);
      return element("div", {class: "bar"}, canvas, element("ol", {},
        ...[1, 0.75, 0.5, 0.25, 0].map(value => element("li", {}, String(value)))));
    }

    // Ends of the window in grey values of a picture.
    window(white) {
      const {low, high, inverted} = this.state;
      return {low: low * white, factor: 255 / (Math.max(high - low, 0.004) * white), inverted};
    }

    // All views at one scale, chest walls together; or only the new size of the stage.
    fit(whole) {
      const panes = this.panes.filter(({view}) => view);
      if (!panes.length) return;
      panes.forEach(pane => pane.size());
      const before = this.state.scale;
      this.state.scale = Math.min(...panes.flatMap(pane => [
        pane.width / (pane.view.width * pane.unit),
        pane.height / (pane.view.height * pane.unit)]));
      const [{width}] = panes;
      if (whole || before === 0) {
        Object.assign(this.state, {zoom: 1, wallwards: width / 2 / this.state.scale,
          down: Math.max(...panes.map(({view, unit}) => view.height * unit)) / 2});
      } else if (this.state.zoom === 1) {
        this.state.wallwards = width / 2 / this.state.scale;
      }
      this.changed();
    }

    fullSize() {
      const pane = this.panes.find(({view}) => view);
      if (pane) this.zoom(1 / (this.state.scale * pane.unit * this.state.zoom));
    }

    // Enlarges all views about a point, in pixels from the middle of a pane.
    zoom(factor, x = 0, y = 0, towards = 1) {
      const {state} = this;
      const zoom = clamp(state.zoom * factor, 0.5, MOST_ZOOM);
      const change = 1 / (state.scale * state.zoom) - 1 / (state.scale * zoom);
      state.wallwards += towards * x * change;
      state.down += y * change;
      state.zoom = zoom;
      this.changed();
    }

    pan(x, y, towards = 1) {
      const k = this.state.scale * this.state.zoom;
      this.state.wallwards -= towards * x / k;
      this.state.down -= y / k;
      this.changed();
    }

    // Draws before the next picture of the screen, however many changes there were.
    changed() {
      const {zoom, low, high} = this.state;
      this.said.textContent = `zoom ${zoom.toFixed(2)}, window ${Math.round(100 * low)} to ` +
        `${Math.round(100 * high)} %${this.state.inverted ? ", inverted" : ""}` +
        `${this.state.hidden ? ", maps hidden" : ""}`;
      this.presets.forEach((node, i) => node.setAttribute("aria-pressed", String(
        PRESETS[i][1] === low && PRESETS[i][2] === high)));
      (this.sliders || []).forEach((label, i) => {
        label.querySelector("input").value = 100 * [low, high][i];
      });
      this.version = (this.version || 0) + 1;
      this.wake();
    }

    wake() {
      if (!this.waiting) this.waiting = requestAnimationFrame(() => this.drawSome());
    }

    // Draws as many views as there is time for, those of longest ago first; the others
    // follow at once by moving and stretching what they show.
    drawSome() {
      this.waiting = 0;
      const old = this.panes.filter(({view, visible, version}) =>
        view && visible && version !== this.version);
      old.sort((one, other) => (one.version ?? -1) - (other.version ?? -1));
      const end = performance.now() + DRAWING;
      // Many views are as fine as the screen is without its finer pixels.
      const ratio = this.panes.length > 8 ? 1 : Math.min(window.devicePixelRatio || 1, 2);
      for (const pane of old) {
        if (performance.now() > end) {
          pane.stretch();
          continue;
        }
        if (!pane.width) pane.size();
        pane.draw(ratio);
        pane.version = this.version;
      }
      if (old.some(({version}) => version !== this.version)) {
        this.wake();
        return;
      }
      this.stage.dispatchEvent(new Event("drawn"));
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.panes.forEach(pane => {
        if (pane.view) pane.sharpen(ratio);
      }), REST);
    }

    listen() {
      const pointers = new Map();
      const paneOf = event => this.panes.find(({node, view}) => view &&
        node.contains(event.target));
      const towards = pane => pane.wall === "left" ? 1 : -1;
      this.stage.addEventListener("wheel", event => {
        const pane = paneOf(event);
        if (!pane || (event.ctrlKey && !event.cancelable)) return;
        event.preventDefault();
        const box = pane.node.getBoundingClientRect();
        this.zoom(event.deltaY < 0 ? STEP : 1 / STEP,
          event.clientX - box.left - box.width / 2,
          event.clientY - box.top - box.height / 2, towards(pane));
      }, {passive: false});
      this.stage.addEventListener("pointerdown", event => {
        const pane = paneOf(event);
        if (!pane) return;
        pointers.set(event.pointerId, {x: event.clientX, y: event.clientY, pane});
        try { pane.node.setPointerCapture(event.pointerId); } catch { /* of a test */ }
      });
      const leave = event => pointers.delete(event.pointerId);
      this.stage.addEventListener("pointerup", leave);
      this.stage.addEventListener("pointercancel", leave);
      this.stage.addEventListener("pointermove", event => {
        const pointer = pointers.get(event.pointerId);
        if (!pointer) return;
        this.moved(pointer, event, [...pointers.values()], towards(pointer.pane));
        Object.assign(pointer, {x: event.clientX, y: event.clientY});
      });
      this.stage.addEventListener("keydown", event => this.key(event));
    }

    moved(pointer, event, all, towards) {
      const [x, y] = [event.clientX - pointer.x, event.clientY - pointer.y];
      if (all.length > 1) {
        const other = all.find(finger => finger !== pointer);
        const before = Math.hypot(pointer.x - other.x, pointer.y - other.y);
        const now = Math.hypot(event.clientX - other.x, event.clientY - other.y);
        const box = pointer.pane.node.getBoundingClientRect();
        // About the middle of both fingers, which moves by half of the step.
        this.pan(x / 2, y / 2, towards);
        if (before > 4) {
          this.zoom(now / before,
            (event.clientX + other.x) / 2 - box.left - box.width / 2,
            (event.clientY + other.y) / 2 - box.top - box.height / 2, towards);
        }
      } else if (event.shiftKey) {
        const {state} = this;
        const width = clamp(state.high - state.low + x / 400, 0.01, 2);
        const level = clamp((state.high + state.low) / 2 - y / 400, 0, 1);
        Object.assign(state, {low: level - width / 2, high: level + width / 2});
        this.changed();
      } else {
        this.pan(x, y, towards);
      }
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const pane = this.panes.find(({node}) => node === event.target);
      const towards = pane?.wall === "right" ? -1 : 1;
      const {state} = this;
      const acts = {
        "+": () => this.zoom(STEP), "=": () => this.zoom(STEP),
        "-": () => this.zoom(1 / STEP), "0": () => this.fit(true),
        "1": () => this.fullSize(),
        i: () => { state.inverted = !state.inverted; this.changed(); },
        h: () => { state.hidden = !state.hidden; this.changed(); },
        l: () => { state.lines = !state.lines; this.changed(); },
      };
      PRESETS.forEach(([, low, high], i) => {
        acts[String(i + 2)] = () => { Object.assign(state, {low, high}); this.changed(); };
      });
      if (state.zoom > 1) {
        Object.assign(acts, {ArrowLeft: () => this.pan(PAN, 0, towards),
          ArrowRight: () => this.pan(-PAN, 0, towards), ArrowUp: () => this.pan(0, PAN),
          ArrowDown: () => this.pan(0, -PAN)});
      }
      const act = acts[event.key] || acts[event.key.toLowerCase()];
      if (!act) return;
      act();
      event.preventDefault();
      event.stopPropagation();
    }
  }

  // R MLO, L MLO, R CC, L CC; further views below, right breasts on the left.
  const hanging = views => {
    if (views.length < 2) return views.map(view => [view, [view.side, view.view]]);
    const left = [...views];
    const taken = PLACES.map(place => {
      const i = left.findIndex(({side, view}) => side === place[0] && view === place[1]);
      return [i < 0 ? null : left.splice(i, 1)[0], place];
    });
    const rows = [taken.slice(0, 2), taken.slice(2)].filter(
      row => row.some(([view]) => view));
    const further = [];
    while (left.length) {
      const pair = ["R", "L"].map(side => {
        const i = left.findIndex(view => view.side === side || !view.side);
        return i < 0 ? [null, [side, ""]] : [left.splice(i, 1)[0], [side, ""]];
      });
      further.push(pair.map(([view, place]) => [view, [view ? view.side : place[0],
        view ? view.view : ""]]));
    }
    return [...rows, ...further].flat();
  };

  return Object.assign(Viewer, {hanging});
})();
