"use strict";
// Grey values of mammograms, and maps, as pixels of the screen.
const Pixels = (() => {
  const element = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  // Half, a quarter, ... of a picture, so that few pixels are read for few on the screen.
  const pyramid = ({pixels, width, height}) => {
    const levels = [{pixels, width, height}];
    let last = levels[0];
    while (Math.min(last.width, last.height) > 64) {
      const [w, h] = [last.width >> 1, last.height >> 1];
      const half = new last.pixels.constructor(w * h);
      for (let y = 0, i = 0; y < h; y += 1) {
        let j = 2 * y * last.width;
        for (let x = 0; x < w; x += 1, i += 1, j += 2) {
          half[i] = (last.pixels[j] + last.pixels[j + 1] + last.pixels[j + last.width] +
            last.pixels[j + last.width + 1]) >> 2;
        }
      }
      last = {pixels: half, width: w, height: h};
      levels.push(last);
    }
    return levels;
  };

  const coloured = ({pixels, width, height}, table) => {
    const canvas = element("canvas", {width, height});
    const image = new ImageData(width, height);
    const colours = new Uint32Array(table.buffer, table.byteOffset, 256);
    const data = new Uint32Array(image.data.buffer);
    for (let i = 0; i < data.length; i += 1) data[i] = colours[pixels[i]];
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  };

  // Grey values on the pixels of the screen; between pixels they run evenly.
  //
  // map: width and height of the screen's part; a column i of it is i * x + x0 of the
  // picture, a row likewise. Returns the values in the columns and rows that the picture
  // covers, `left` to `right` and `top` to `bottom`.
  const sample = ({pixels, width, height}, before, map) => {
    const size = map.width * map.height;
    const values = before?.values.length === size ? before.values : new Uint16Array(size);
    const columns = new Int32Array(map.width);
    const shares = new Float32Array(map.width);
    let [left, right] = [map.width, 0];
    for (let i = 0; i < map.width; i += 1) {
      const x = (i + 0.5) * map.x + map.x0 - 0.5;
      if (x < -0.5 || x > width - 0.5) continue;
      left = Math.min(left, i);
      right = i + 1;
      columns[i] = clamp(Math.floor(x), 0, width - 2);
      shares[i] = clamp(x - columns[i], 0, 1);
    }
    let [top, bottom] = [map.height, 0];
    for (let j = 0; j < map.height; j += 1) {
      const y = (j + 0.5) * map.y + map.y0 - 0.5;
      if (y < -0.5 || y > height - 0.5) continue;
      top = Math.min(top, j);
      bottom = j + 1;
      const row = clamp(Math.floor(y), 0, height - 2);
      const v = clamp(y - row, 0, 1);
      const above = row * width;
      for (let i = left, o = j * map.width + left; i < right; i += 1, o += 1) {
        const p = above + columns[i];
        const u = shares[i];
        const first = pixels[p] + (pixels[p + 1] - pixels[p]) * u;
        const second = pixels[p + width] + (pixels[p + width + 1] - pixels[p + width]) * u;
        values[o] = first + (second - first) * v;
      }
    }
    return {values, left, right, top, bottom, image: before?.values === values
      ? before.image : new ImageData(map.width, map.height)};
  };

  // Shows the values through a window; outside the mammogram all is black.
  const tone = (canvas, {values, left, right, top, bottom, image}, window) => {
    const {low, factor, inverted} = window;
    const [start, slope] = inverted ? [255 + low * factor, -factor]
      : [-low * factor, factor];
    const out = new Uint32Array(image.data.buffer);
    out.fill(0xff000000);
    for (let j = top; j < bottom; j += 1) {
      const end = j * canvas.width + right;
      for (let o = j * canvas.width + left; o < end; o += 1) {
        const grey = start + values[o] * slope;
        out[o] = 0xff000000 | ((grey < 0 ? 0 : grey > 255 ? 255 : grey | 0) * 0x010101);
      }
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  };

  // A data address or a picture of this page as grey values.
  const grey = async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = element("canvas", {width: image.naturalWidth, height: image.naturalHeight});
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.drawImage(image, 0, 0);
    const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
    const pixels = new Uint8Array(canvas.width * canvas.height);
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = data[4 * i];
    return {pixels, width: canvas.width, height: canvas.height};
  };

  // The same with room between the greys, so that a narrow window shows no steps.
  const mammogram = async (address) => {
    const {pixels, width, height} = await grey(address);
    return {pixels: Uint16Array.from(pixels, value => 128 * value), width, height,
      white: 128 * 255};
  };

  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));

  return {element, clamp, pyramid, coloured, sample, tone, grey, mammogram, bytes};
})();
