// Answers at places of an image: boxes with a class and a score, or a class for each pixel.

export const COLOURS = [
  "#0b7a6f", "#c2512f", "#3b6ea8", "#b7791f", "#7c6fb0", "#b0457f", "#5d7a0b", "#59636e",
];
const COLUMNS = 7; // image, left, top, right, bottom as shares, score, class
const SHOWN_SCORE = 0.5;
const SURE_SCORE = 0.3;
const SAME_IOU = 0.9;
const SAME_SCORE = 0.1;
const LEAST_BOXES = 0.95;
const LEAST_PIXELS = 0.99;

// Rows (found, 7) -> [{box: [left, top, right, bottom], score, index}], the surest first.
export function boxesOf(rows, image = 0) {
  const found = [];
  for (let at = 0; at + COLUMNS <= rows.length; at += COLUMNS) {
    if (rows[at] !== image) continue;
    found.push({
      box: Array.from(rows.subarray(at + 1, at + 5)), score: rows[at + 5], index: rows[at + 6],
    });
  }
  return found;
}

export function shownBoxes(rows) {
  return boxesOf(rows).filter(({ score }) => score >= SHOWN_SCORE);
}

export function drawBoxes(context, boxes, labels) {
  const { width, height } = context.canvas;
  context.lineWidth = Math.max(2, Math.round(Math.min(width, height) / 200));
  const size = Math.max(10, Math.round(Math.min(width, height) / 32));
  context.font = `${size}px sans-serif`;
  context.textBaseline = "bottom";
  for (const { box: [left, top, right, bottom], score, index } of boxes) {
    const colour = COLOURS[index % COLOURS.length];
    const [x, y] = [left * width, top * height];
    context.strokeStyle = colour;
    context.strokeRect(x, y, (right - left) * width, (bottom - top) * height);
    const text = `${labels[index] ?? `class ${index}`} ${Math.round(100 * score)}`;
    const base = y < size + 4 ? y + size + 4 : y;
    context.fillStyle = colour;
    context.fillRect(x, base - size - 3, context.measureText(text).width + 4, size + 3);
    context.fillStyle = "white";
    context.fillText(text, x + 2, base - 1);
  }
}

// Logits (K, S, S) -> the class of each pixel, (S, S).
export function classesOf(logits, count) {
  const pixels = logits.length / count;
  const best = new Uint8Array(pixels);
  const most = logits.slice(0, pixels);
  for (let index = 1; index < count; index += 1) {
    for (let i = 0, at = index * pixels; i < pixels; i += 1, at += 1) {
      if (logits[at] > most[i]) {
        most[i] = logits[at];
        best[i] = index;
      }
    }
  }
  return best;
}

// Classes -> [{index, share}], the most frequent first.
export function sharesOf(classes, count) {
  const pixels = new Float64Array(count);
  for (const index of classes) pixels[index] += 1;
  return Array.from(pixels, (value, index) => ({ index, share: value / classes.length }))
    .sort((a, b) => b.share - a.share);
}

// Lay the classes (S, S) over the picture, stretched to its size.
export function paint(context, classes, colours) {
  const side = Math.sqrt(classes.length);
  const mask = new ImageData(side, side);
  classes.forEach((index, i) => {
    const [red, green, blue] = colours[index];
    mask.data.set([red, green, blue, 255], 4 * i);
  });
  const layer = Object.assign(document.createElement("canvas"), { width: side, height: side });
  layer.getContext("2d").putImageData(mask, 0, 0);
  context.globalAlpha = 0.55;
  context.imageSmoothingEnabled = false;
  context.drawImage(layer, 0, 0, context.canvas.width, context.canvas.height);
  context.globalAlpha = 1;
}

// How an answer must agree with what was kept of it. -> {passed, finding}
export function compareBoxes(answers, expected) {
  let sure = 0;
  let same = 0;
  answers.forEach((rows, image) => {
    const found = boxesOf(rows);
    for (const one of boxesOf(expected, image)) {
      if (one.score < SURE_SCORE) continue;
      sure += 1;
      same += found.some((other) => isSame(one, other));
    }
  });
  return { passed: same >= LEAST_BOXES * sure, finding: `${same} of ${sure} boxes as they must be` };
}

function isSame(one, other) {
  return one.index === other.index && Math.abs(one.score - other.score) <= SAME_SCORE
    && overlap(one.box, other.box) >= SAME_IOU;
}

function overlap(a, b) {
  const wide = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const high = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const common = Math.max(0, wide) * Math.max(0, high);
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return common / Math.max(area(a) + area(b) - common, 1e-12);
}

export function compareClasses(answers, expected) {
  const all = expected.length;
  let same = 0;
  answers.forEach((classes, image) => {
    const offset = image * classes.length;
    classes.forEach((index, i) => { same += index === expected[offset + i]; });
  });
  return {
    passed: same >= LEAST_PIXELS * all, finding: `${(100 * same / all).toFixed(2)} % of the pixels as they must be`,
  };
}
