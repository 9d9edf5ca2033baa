// The page: an image or the camera in; the most likely classes, boxes or a mask, and milliseconds
// out.
// ?selftest=1 runs the test vectors, ?model=NAME and ?threads=N choose.

import { openEnrolled } from "./enrol.js";
import {
  bundled, eachClass, isThere, mostLikely, openNetwork, openRuntime, readBundle,
} from "./network.js";
import { classesOf, COLOURS, drawBoxes, paint, sharesOf, shownBoxes } from "./places.js";
import { selftest } from "./selftest.js";

const TOP = 5;
const query = new URLSearchParams(location.search);
const at = (id) => document.getElementById(id);
const ms = (value) => `${value.toFixed(1)} ms`;

let runtime = null;
let bundle = null;
let network = null;
let head = "logits";
let thresholds = null; // of the classes, where an image may show several
let enrolled = null; // classes added in this browser; null for a model without prototypes
let rejectBelow = null; // a probability; under it the answer is "none of these"
let image = null; // {width, height, data: RGB bytes, decodeMs}
let camera = null;
let turn = Promise.resolve(); // onnxruntime-web runs one thing at a time

start().catch(showError);

async function start() {
  at("runtime").textContent = "loading the runtime …";
  runtime = await openRuntime(Number(query.get("threads")));
  at("runtime").textContent = describeRuntime();
  bundle = await readBundle();
  for (const model of bundle.models) {
    at("model").add(new Option(`${model.name} (${(model.bytes / 1e6).toFixed(1)} MB)`, model.name));
  }
  if (bundle.models.some((model) => model.name === query.get("model"))) {
    at("model").value = query.get("model");
  }
  else await chooseFirstThere();
  listen();
  if (query.get("selftest") === "1") await inTurn(runSelftest);
  await inTurn(choose);
}

// Choose the first model that was copied here; models may be left out of a bundle.
async function chooseFirstThere() {
  for (const { name } of bundle.models) {
    if (await isThere(name)) {
      at("model").value = name;
      return;
    }
  }
}

function describeRuntime() {
  const version = runtime.ort.env.versions?.web ?? "";
  const threads = runtime.isolated
    ? `${runtime.threads} thread(s)`
    : "1 thread: threads are off, since the page is not cross-origin isolated "
      + "(python web/serve.py turns them on)";
  return `onnxruntime-web ${version}, WebAssembly, SIMD on, started in ${ms(runtime.startMs)}, `
    + `${threads}.`;
}

function listen() {
  at("model").addEventListener("change", () => inTurn(choose));
  at("file").addEventListener("change", () => take(at("file").files[0]));
  at("camera").addEventListener("click", () => (camera ? stopCamera() : startCamera().catch(showError)));
  at("selftest-start").addEventListener("click", () => inTurn(runSelftest));
  at("enrol-add").addEventListener("click", () => inTurn(addClass));
  at("enrol-download").addEventListener("click", downloadClasses);
  at("enrol-load").addEventListener("change", () => inTurn(loadClasses));
  const drop = document.body;
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    at("drop").classList.add("over");
  });
  drop.addEventListener("dragleave", () => at("drop").classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    at("drop").classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
  for (const id of ["model", "file", "selftest-start"]) at(id).disabled = false;
  at("camera").disabled = !navigator.mediaDevices?.getUserMedia;
  if (at("camera").disabled) at("camera").title = "The camera needs https, or localhost.";
}

function inTurn(work) {
  turn = turn.then(work).catch(showError);
  return turn;
}

async function choose() {
  const facts = bundle.models[at("model").selectedIndex];
  const { name } = facts;
  await network?.close();
  network = null;
  at("model-facts").textContent = `loading ${name} …`;
  network = await openNetwork(runtime, name, bundle.preprocess);
  if (!network) {
    at("model-facts").textContent = "";
    throw new Error(`${name}: must lie in the folder above web/; copy it there`);
  }
  head = facts.head === "pixel_logits" ? "pixels" : facts.head;
  thresholds = facts.thresholds ?? null;
  rejectBelow = facts.reject_below ?? null;
  await openClasses(facts.prototypes);
  at("model-facts").textContent =
    `${facts.precision}, ${facts.what}; loaded in ${ms(network.loadMs)}`;
  at("int8-note").hidden = facts.precision !== "int8";
  await network.run(image ?? blank()); // the first run is slow
  if (image) await classify();
}

function blank() {
  return { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64) };
}

// --- pictures ---

function take(file) {
  if (!file) return;
  stopCamera();
  inTurn(async () => {
    const begin = performance.now();
    const bitmap = await bitmapOf(file);
    image = draw(bitmap, bitmap.width, bitmap.height, begin);
    bitmap.close();
    at("picture").setAttribute("aria-label", `The picture ${file.name}`);
    await classify();
  });
}

async function bitmapOf(file) {
  try {
    return await createImageBitmap(file, {
      imageOrientation: "from-image", colorSpaceConversion: "none",
    });
  } catch {
    throw new Error(`${file.name}: must be an image that this browser reads; choose another one`);
  }
}

// Read an image file that is not shown. -> {width, height, data: RGB bytes}
async function decode(file) {
  const bitmap = await bitmapOf(file);
  const { width, height } = bitmap;
  const data = readBack(Object.assign(document.createElement("canvas"), { width, height }), bitmap);
  bitmap.close();
  return { width, height, data };
}

// Draw on the canvas at full size and read back RGB; transparency becomes white.
function draw(source, width, height, begin) {
  const canvas = at("picture");
  Object.assign(canvas, { width, height, hidden: Boolean(camera) && !draws() });
  at("invitation").hidden = true;
  const data = readBack(canvas, source);
  return { width, height, data, decodeMs: performance.now() - begin };
}

function readBack(canvas, source) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return data;
}

async function startCamera() {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const video = at("video");
  camera = stream;
  video.srcObject = stream;
  await video.play();
  at("camera").setAttribute("aria-pressed", "true");
  at("camera").textContent = "Stop the camera";
  at("classes").setAttribute("aria-live", "off"); // ten times a second is no news
  at("picture").hidden = true;
  video.hidden = false;
  look();
}

function look() {
  if (!camera) return;
  const video = at("video");
  inTurn(async () => {
    if (!camera || !network) return;
    image = draw(video, video.videoWidth, video.videoHeight, performance.now());
    await classify();
  }).then(() => requestAnimationFrame(look));
}

function stopCamera() {
  if (!camera) return;
  camera.getTracks().forEach((track) => track.stop());
  camera = null;
  at("camera").setAttribute("aria-pressed", "false");
  at("camera").textContent = "Use the camera";
  at("classes").setAttribute("aria-live", "polite");
  at("video").hidden = true;
  at("picture").hidden = !image;
}

// --- results ---

async function classify() {
  if (!network) throw new Error("No model is loaded: choose one that lies in the folder above web/.");
  hideError();
  const found = await network.run(image);
  const { dims, features, preprocessMs, coreMs } = found;
  const added = enrolled && features ? enrolled.scores(features) : [];
  const output = added.length ? Float32Array.from([...found.output, ...added]) : found.output;
  if (head === "detections") showBoxes(shownBoxes(output));
  else if (head === "pixels") showPixels(classesOf(output, dims[1]), dims[1]);
  else if (head === "features") showFeatures(output);
  else if (thresholds) showSeveral(eachClass(output, head, thresholds));
  else showClasses(mostLikely(output, head, TOP));
  at("times").hidden = false;
  at("decode-ms").textContent = ms(image.decodeMs);
  at("preprocess-ms").textContent = network.whole ? "within core" : ms(preprocessMs);
  at("core-ms").textContent = ms(coreMs);
}

function showBoxes(boxes) {
  const context = fresh();
  drawBoxes(context, boxes, bundle.labels);
  showDrawn();
  if (!boxes.length) at("classes").replaceChildren(element("li", "told", "No box"));
  else {
    showClasses(boxes.map(({ index, score }) => ({ index, share: score })));
    mark(boxes.map(({ index }) => COLOURS[index % COLOURS.length]));
  }
}

function showPixels(classes, count) {
  const { colours } = bundle.preprocess;
  paint(fresh(), classes, colours);
  showDrawn();
  const shares = sharesOf(classes, count).filter(({ share }) => share >= 0.001);
  showClasses(shares);
  mark(shares.map(({ index }) => `rgb(${colours[index].join(" ")})`));
}

// The canvas with the picture as it came, without what was drawn over it.
function fresh() {
  const context = at("picture").getContext("2d");
  const { width, height, data } = image;
  const pixels = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    pixels.data[to] = data[from];
    pixels.data[to + 1] = data[from + 1];
    pixels.data[to + 2] = data[from + 2];
    pixels.data[to + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return context;
}

// Whether answers are drawn over the picture.
function draws() {
  return head === "detections" || head === "pixels";
}

// Over the camera's picture too: what is drawn takes its place.
function showDrawn() {
  at("picture").hidden = false;
  at("video").hidden = true;
}

function mark(colours) {
  [...at("classes").children].forEach((item, number) => {
    item.querySelector(".bar span").style.background = colours[number];
  });
}

function showClasses(best) {
  const unsure = rejectBelow !== null && best[0].share < rejectBelow;
  at("none").hidden = !unsure;
  if (unsure) {
    at("none").textContent =
      `None of these: the likeliest class is under ${percent(rejectBelow)}.`;
  }
  at("classes").replaceChildren(...best.map(({ index, share }) => {
    const item = element("li");
    const bar = element("div", "bar");
    const filled = element("span");
    filled.style.width = `${100 * share}%`;
    bar.append(filled);
    bar.setAttribute("aria-hidden", "true");
    const name = nameOf(index);
    item.append(element("span", "name", name), element("span", "share", percent(share)), bar);
    return item;
  }));
}

// Every class from its threshold on; below them those that come next, to see how near they are.
function showSeveral(classes) {
  const shown = classes.filter((one) => one.shown);
  const rest = classes.filter((one) => !one.shown).slice(0, Math.max(0, TOP - shown.length));
  showClasses([...shown, ...rest]);
  const items = [...at("classes").children];
  [...shown, ...rest].forEach((one, number) => {
    const mark = element("i", "threshold");
    mark.style.left = `${100 * one.threshold}%`;
    items[number].querySelector(".bar").append(mark);
    items[number].classList.toggle("absent", !one.shown);
    items[number].title = `shown from ${percent(one.threshold)} on`;
  });
  const told = shown.length
    ? `Shown: ${shown.map(({ index }) => bundle.labels[index] ?? `class ${index}`).join(", ")}`
    : `None of the ${classes.length} classes`;
  at("classes").prepend(element("li", "told", told));
}

function nameOf(index) {
  const added = enrolled?.classes[index - bundle.labels.length];
  return bundle.labels[index] ?? added?.name ?? `class ${index}`;
}

// --- classes that are added here ---

// Open what was added to this model, here before or beside its file.
async function openClasses(prototypes) {
  at("enrol").hidden = !prototypes;
  enrolled = prototypes ? openEnrolled(prototypes, bundle.labels) : null;
  if (!enrolled) return;
  const beside = enrolled.classes.length ? null : await bundled("enrolled.json");
  if (beside) enrolled.load(await beside.text());
  showEnrolled();
}

async function addClass() {
  const files = Array.from(at("enrol-files").files);
  const name = at("enrol-name").value.trim();
  if (!name || !files.length) throw new Error("Name the class, and choose at least one image of it.");
  const features = [];
  for (const file of files) {
    at("enrol-status").textContent = `looking at ${file.name} …`;
    const picture = await decode(file);
    features.push((await network.run(picture)).features);
  }
  enrolled.add(name, features);
  at("enrol-files").value = "";
  at("enrol-status").textContent = `${name}: learned from ${files.length} image(s).`;
  await enrolledChanged();
}

async function enrolledChanged() {
  hideError();
  showEnrolled();
  if (image) await classify();
}

function showEnrolled() {
  at("enrol-download").disabled = !enrolled.classes.length;
  at("enrolled").replaceChildren(...enrolled.classes.map(({ name, images }) => {
    const item = element("li");
    const button = element("button", "", "Forget");
    button.type = "button";
    button.setAttribute("aria-label", `Forget ${name}`);
    button.addEventListener("click", () => inTurn(async () => {
      enrolled.forget(name);
      await enrolledChanged();
    }));
    item.append(element("span", "name", name), element("span", "quiet", `${images} image(s)`), button);
    return item;
  }));
}

function downloadClasses() {
  const url = URL.createObjectURL(new Blob([enrolled.text()], { type: "application/json" }));
  Object.assign(document.createElement("a"), { href: url, download: "enrolled.json" }).click();
  URL.revokeObjectURL(url);
}

async function loadClasses() {
  const file = at("enrol-load").files[0];
  if (!file) return;
  enrolled.load(await file.text());
  at("enrol-load").value = "";
  at("enrol-status").textContent = `${enrolled.classes.length} class(es) loaded.`;
  await enrolledChanged();
}

function showFeatures(output) {
  at("none").hidden = true;
  const norm = Math.hypot(...output);
  const first = Array.from(output.subarray(0, TOP), (value) => value.toFixed(4)).join(", ");
  at("classes").replaceChildren(
    element("li", "", `${output.length} features, norm ${norm.toFixed(4)}, first ${first}`),
  );
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function element(tag, className = "", text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

async function runSelftest() {
  hideError();
  document.body.dataset.selftest = "running";
  at("verdict").textContent = "running …";
  at("findings").replaceChildren();
  at("findings").closest(".scroll").hidden = false;
  const findings = [];
  let passed = false;
  try {
    passed = await selftest(runtime, (finding) => {
      findings.push(finding);
      showFinding(finding);
    });
  } finally {
    const verdict = passed ? "pass" : "FAIL";
    at("verdict").textContent = passed
      ? "Every check passed."
      : "FAILED: do not use this model in this browser.";
    at("selftest-json").textContent = JSON.stringify({
      verdict, threads: runtime.threads, isolated: runtime.isolated, simd: runtime.simd,
      start_ms: runtime.startMs, onnxruntime_web: runtime.ort.env.versions?.web, user_agent: navigator.userAgent, findings,
    });
    document.body.dataset.selftest = verdict;
  }
}

function showFinding(finding) {
  const row = element("tr");
  const name = element("th", "", finding.name);
  name.scope = "row";
  const [outcome, className] = finding.passed === null
    ? ["not checked", "quiet"]
    : finding.passed ? ["pass", "pass"] : ["FAIL", "fail"];
  row.append(name, element("td", className, outcome), element("td", "", finding.finding));
  const inside = finding.preprocessing_inside;
  for (const key of ["p50_ms", "preprocess_p50_ms", "core_p50_ms", "load_ms"]) {
    const value = finding[key];
    const hidden = value === undefined || (inside && key === "preprocess_p50_ms");
    row.append(element("td", "number", hidden ? "" : ms(value)));
  }
  at("findings").append(row);
}

function showError(error) {
  at("error").hidden = false;
  at("error").textContent = error.message;
  if (!runtime) at("runtime").textContent = "The runtime did not load.";
}

function hideError() {
  at("error").hidden = true;
}
