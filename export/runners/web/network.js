// The bundle's models through onnxruntime-web, in WebAssembly.

import { normalise, pixelsOf } from "./preprocess.js";

const VENDOR = new URL("vendor/", import.meta.url);
const BUNDLE = new URL("../", import.meta.url);
const MAX_THREADS = 4; // more made small networks slower elsewhere; not tuned here
const SIMD_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
]; // a module whose one function splats a 128-bit vector
const IDENTITY = // an ONNX model of one Identity node, to start the runtime with
  "CAgSADo3ChAKAXgSAXkiCElkZW50aXR5EgFnWg8KAXgSCgoICAESBAoCCAFiDwoBeRIKCggIARIECgIIAUIECgAQDQ==";

// Load and start the runtime. -> {ort, threads, simd, isolated, startMs}
export async function openRuntime(wantedThreads) {
  const simd = WebAssembly.validate(Uint8Array.from(SIMD_PROBE));
  if (!simd) throw new Error("WebAssembly SIMD is off, and the runtime needs it: use a newer browser");
  const begin = performance.now();
  const ort = await importRuntime();
  const isolated = globalThis.crossOriginIsolated === true;
  const most = Math.min(MAX_THREADS, navigator.hardwareConcurrency || 1);
  const threads = isolated ? Math.max(1, wantedThreads || most) : 1;
  ort.env.wasm.wasmPaths = VENDOR.href;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  // What the first model would wait for: the WebAssembly is fetched and compiled.
  const bytes = Uint8Array.from(atob(IDENTITY), (character) => character.charCodeAt(0));
  await (await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] })).release();
  return { ort, threads, simd, isolated, startMs: performance.now() - begin };
}

async function importRuntime() {
  try {
    return await import(new URL("ort.wasm.min.mjs", VENDOR).href);
  } catch (error) {
    throw new Error(
      "web/vendor: must hold onnxruntime-web, which did not load; "
      + `write it with \`edgessl export --web\` (${error.message})`,
    );
  }
}

// Fetch a file of the bundle; null where it is not there.
export async function bundled(name) {
  const answer = await fetch(new URL(name, BUNDLE));
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${name}: the server answered ${answer.status}`);
  return answer;
}

// Whether a file of the bundle is there, without fetching it.
export async function isThere(name) {
  return (await fetch(new URL(name, BUNDLE), { method: "HEAD" })).ok;
}

// What the bundle says about itself. -> {models, labels, preprocess}
export async function readBundle() {
  const manifest = await (await needed("manifest.json")).json();
  const models = Object.entries(manifest.files)
    .filter(([name, entry]) => entry.format === "onnx" && !name.includes(".failed.")
      && entry.head !== "predictions") // every default box of a detector, doubles included
    .map(([name, entry]) => ({ name, ...entry }))
    .sort((a, b) => (b.takes === "pixels") - (a.takes === "pixels"));
  if (!models.length) throw new Error("manifest.json: must name an .onnx model, found none");
  const labels = (await (await needed("labels.txt")).text()).split("\n").slice(0, -1);
  return { models, labels, preprocess: await (await needed("preprocess.json")).json() };
}

async function needed(name) {
  const answer = await bundled(name);
  if (!answer) throw new Error(`${name}: must lie in the folder above web/; copy the whole bundle`);
  return answer;
}

// Open one model. -> {name, whole, loadMs, run}; null where its file is not there.
export async function openNetwork(runtime, name, preprocess) {
  const answer = await bundled(name);
  if (!answer) return null;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const start = performance.now();
  const session = await runtime.ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const input = session.inputMetadata[0];
  const whole = input.type === "uint8"; // preprocessing is inside
  const loadMs = performance.now() - start;
  const side = preprocess.crop_px ?? preprocess.input_px;

  // {width, height, data: RGB bytes} -> {output, dims, features, preprocessMs, coreMs}; features are
  // of models with prototypes only
  async function run(image) {
    const begin = performance.now();
    const feed = whole
      ? new runtime.ort.Tensor("uint8", image.data, [1, image.height, image.width, 3])
      : new runtime.ort.Tensor(
        "float32", normalise(pixelsOf(image, preprocess), preprocess), [1, 3, side, side],
      );
    const ready = performance.now();
    const results = await session.run({ [input.name]: feed });
    const done = performance.now();
    const { data, dims } = results[session.outputNames[0]];
    const output = Float32Array.from(data);
    const second = session.outputNames[1];
    const features = second ? Float32Array.from(results[second].data) : null;
    return { output, dims, features, preprocessMs: ready - begin, coreMs: done - ready };
  }

  return { name, whole, loadMs, run, close: () => session.release() };
}

// An output (K,) as the `count` largest. -> [{index, share}]; share is a probability.
export function mostLikely(output, head, count) {
  const top = Math.max(...output);
  const exponents = Array.from(output, (value) => Math.exp(value - top));
  const sum = exponents.reduce((total, value) => total + value, 0);
  const shares = head === "probs" ? Array.from(output) : exponents.map((value) => value / sum);
  return shares
    .map((share, index) => ({ index, share }))
    .sort((a, b) => b.share - a.share)
    .slice(0, count);
}

// An output (K,) as every class, the likeliest first. -> [{index, share, threshold, shown}]
export function eachClass(output, head, thresholds) {
  return Array.from(output, (value, index) => {
    const share = head === "probs" ? value : 1 / (1 + Math.exp(-value));
    return { index, share, threshold: thresholds[index], shown: share >= thresholds[index] };
  }).sort((a, b) => b.share - a.share);
}

export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}
