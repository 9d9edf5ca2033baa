// Do the models answer in this browser as they did where they were made?

import { bundled, median, openNetwork } from "./network.js";
import { readNpz } from "./npz.js";
import { classesOf, compareBoxes, compareClasses } from "./places.js";
import { pixelsOf } from "./preprocess.js";

const MIN_RUNS = 20;
const MAX_MS = 4000; // for each model

// Run the test vectors. `tell` gets each finding: {passed, name, finding, ...numbers}.
// -> whether every check passed
export async function selftest(runtime, tell) {
  const file = await bundled("testvectors.npz");
  if (!file) throw new Error("testvectors.npz: must lie in the folder above web/; copy it there");
  const vectors = await readNpz(await file.arrayBuffer());
  const about = JSON.parse(vectors.get("about").data);
  const images = Array.from({ length: about.images }, (_, i) => {
    const { shape: [height, width], data } = vectors.get(`image_${i}`);
    return { width, height, data };
  });
  const findings = [checkPreprocessing(images, vectors.get("pixels").data, about.preprocess)];
  tell(findings[0]);
  const place = PLACES[about.head];
  for (const key of place ? vectors.keys() : []) {
    if (!key.startsWith(`${place.key}/`)) continue;
    await nextFrame();
    const name = key.slice(place.key.length + 1);
    const finding = await checkPlaces(runtime, name, images, vectors.get(key), about, place);
    findings.push(finding);
    tell(finding);
  }
  for (const [name, rule] of Object.entries(about.models ?? {})) {
    await nextFrame(); // lets the page show what is known so far
    const expected = vectors.get(`outputs/${name}`);
    const finding = await checkModel(runtime, name, images, expected, rule, about);
    findings.push(finding);
    tell(finding);
  }
  const ran = findings.some((finding) => finding.p50_ms !== undefined);
  return ran && findings.every((finding) => finding.passed !== false);
}

// Answers at places of an image, by the models' head.
const PLACES = {
  detections: { key: "detections", read: (output) => output, compare: compareBoxes },
  pixels: { key: "classes", read: classesOf, compare: compareClasses },
};

async function checkPlaces(runtime, name, images, expected, about, place) {
  let network = null;
  try {
    network = await openNetwork(runtime, name, about.preprocess);
    if (!network) return { passed: null, name, finding: "not here, not checked" };
    const answers = [];
    for (const image of images) {
      const { output, dims } = await network.run(image);
      answers.push(place.read(output, dims[1]));
    }
    const outcome = place.compare(answers, expected.data);
    return { name, images: images.length, ...outcome, ...await timed(network, images) };
  } catch (error) {
    return { passed: false, name, finding: `does not run: ${error.message}` };
  } finally {
    await network?.close();
  }
}

function checkPreprocessing(images, expected, preprocess) {
  const each = expected.length / images.length;
  let levels = 0;
  images.forEach((image, number) => {
    pixelsOf(image, preprocess).forEach((level, i) => {
      levels = Math.max(levels, Math.abs(level - expected[number * each + i]));
    });
  });
  const finding = `differs by up to ${levels} of 255 levels, limit 0`;
  return { passed: levels === 0, name: "preprocessing", finding, levels };
}

async function checkModel(runtime, name, images, expected, rule, about) {
  let network = null;
  try {
    network = await openNetwork(runtime, name, about.preprocess);
    if (!network) return { passed: null, name, finding: "not here, not checked" };
    return await compare(network, images, expected, rule, about.head);
  } catch (error) {
    return { passed: false, name, finding: `does not run: ${error.message}` };
  } finally {
    await network?.close();
  }
}

async function compare(network, images, expected, rule, head) {
  const { name } = network;
  const [rows, columns] = expected.shape;
  const limit = rule.atol + rule.rtol * largest(expected.data.map(Math.abs));
  let worst = 0;
  let same = 0;
  let changed = 0;
  for (const [row, image] of images.entries()) {
    const { output } = await network.run(image);
    if (rows !== images.length || output.length !== columns) {
      return { passed: false, name, finding: `gives ${output.length} values, must be ${columns}` };
    }
    const wanted = expected.data.subarray(row * columns, (row + 1) * columns);
    for (const [i, value] of wanted.entries()) {
      const difference = Math.abs(output[i] - value);
      worst = difference <= worst ? worst : difference; // a NaN stays
    }
    const best = output.indexOf(largest(output));
    const first = wanted.indexOf(largest(wanted));
    same += best === first;
    changed += !(wanted[first] - wanted[best] <= limit); // not between classes as close as that
  }
  const times = await timed(network, images);
  const top1 = head === "features" ? "" : `, same top-1 on ${same} of ${rows}`;
  return {
    passed: worst <= limit && (head === "features" || changed === 0),
    name, limit, max_difference: worst, same_top1: same, images: rows, ...times,
    finding: `|d| up to ${worst.toExponential(1)}, limit ${limit.toExponential(1)}${top1}`,
  };
}

async function timed(network, images) {
  const preprocess = [];
  const core = [];
  const start = performance.now();
  while (core.length < MIN_RUNS && performance.now() - start < MAX_MS) {
    const { preprocessMs, coreMs } = await network.run(images[core.length % images.length]);
    preprocess.push(preprocessMs);
    core.push(coreMs);
    if (core.length % 5 === 0) await nextFrame();
  }
  const total = core.map((ms, i) => ms + preprocess[i]);
  return {
    p50_ms: median(total), preprocess_p50_ms: median(preprocess), core_p50_ms: median(core),
    runs: core.length, load_ms: network.loadMs, preprocessing_inside: network.whole,
  };
}

function largest(values) {
  return values.reduce((most, value) => Math.max(most, value), -Infinity);
}

function nextFrame() {
  return new Promise((resolve) => { setTimeout(resolve); });
}
