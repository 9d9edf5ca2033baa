// The evaluation transform for models without it: the same integers as Pillow's resize.

const PRECISION_BITS = 22; // Pillow's, for 8-bit images: 32 - 8 - 2
const KERNELS = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
};

function cubic(x) {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

// {width, height, data: RGB bytes} -> the whole image as a square, (3, S, S) bytes.
export function squarePixels(image, preprocess) {
  const side = preprocess.input_px;
  const kernel = KERNELS[preprocess.interpolation];
  let { data } = image;
  if (side !== image.width) data = resizeRows(data, image.width, image.height, side, kernel);
  if (side !== image.height) data = resizeColumns(data, side, image.height, side, kernel);
  const pixels = new Uint8Array(3 * side * side);
  for (let i = 0; i < side * side; i += 1) {
    for (let c = 0; c < 3; c += 1) pixels[c * side * side + i] = data[3 * i + c];
  }
  return pixels;
}

// What a network sees of an image: a central crop, or all of it as a square.
export function pixelsOf(image, preprocess) {
  return "crop_px" in preprocess ? cropPixels(image, preprocess) : squarePixels(image, preprocess);
}

// {width, height, data: RGB bytes} -> the crop as (3, S, S) bytes.
export function cropPixels(image, preprocess) {
  const side = preprocess.resize_px;
  const crop = preprocess.crop_px;
  const short = Math.min(image.width, image.height);
  const width = image.width === short ? side : Math.trunc((side * image.width) / short);
  const height = image.height === short ? side : Math.trunc((side * image.height) / short);
  const kernel = KERNELS[preprocess.interpolation];
  let { data } = image;
  if (width !== image.width) data = resizeRows(data, image.width, image.height, width, kernel);
  if (height !== image.height) data = resizeColumns(data, width, image.height, height, kernel);
  const left = roundHalfToEven((width - crop) / 2);
  const top = roundHalfToEven((height - crop) / 2);
  const pixels = new Uint8Array(3 * crop * crop); // black where the crop is larger than the image
  for (let y = Math.max(0, -top); y < Math.min(crop, height - top); y += 1) {
    for (let x = Math.max(0, -left); x < Math.min(crop, width - left); x += 1) {
      const from = 3 * ((y + top) * width + x + left);
      for (let c = 0; c < 3; c += 1) pixels[(c * crop + y) * crop + x] = data[from + c];
    }
  }
  return pixels;
}

// (3, S, S) bytes -> float32, scaled to [0, 1] and normalised, every step rounded to float32.
export function normalise(pixels, preprocess) {
  const plane = pixels.length / 3;
  const values = new Float32Array(pixels.length);
  for (let c = 0; c < 3; c += 1) {
    const mean = Math.fround(preprocess.mean[c]);
    const std = Math.fround(preprocess.std[c]);
    const table = Float32Array.from({ length: 256 }, (_, level) => {
      return Math.fround(Math.fround(level / 255) - mean) / std;
    });
    for (let i = c * plane; i < (c + 1) * plane; i += 1) values[i] = table[pixels[i]];
  }
  return values;
}

function roundHalfToEven(value) {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

// For each output position: the first input position and the fixed-point weights from there on.
function coefficients(inSize, outSize, kernel) {
  const scale = inSize / outSize;
  const stretch = Math.max(scale, 1);
  const support = kernel.support * stretch;
  return Array.from({ length: outSize }, (_, out) => {
    const center = (out + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(inSize, Math.trunc(center + support + 0.5));
    const weights = [];
    for (let i = first; i < end; i += 1) {
      weights.push(kernel.weight((i - center + 0.5) * (1 / stretch)));
    }
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const fixed = weights.map((weight) => {
      const share = (sum === 0 ? weight : weight / sum) * 2 ** PRECISION_BITS;
      return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    });
    return { first, weights: Int32Array.from(fixed) };
  });
}

function resizeRows(data, inWidth, height, outWidth, kernel) {
  return resize(data, height, 3 * inWidth, outWidth, 3, 3, coefficients(inWidth, outWidth, kernel));
}

function resizeColumns(data, width, inHeight, outHeight, kernel) {
  const table = coefficients(inHeight, outHeight, kernel);
  return resize(data, 1, 3 * width * inHeight, outHeight, 3 * width, 3 * width, table);
}

// Mix `run` neighbouring values as one position; positions lie `step` apart.
function resize(data, rows, rowLength, outSize, step, run, table) {
  const result = new Uint8ClampedArray(rows * outSize * run);
  const half = 2 ** (PRECISION_BITS - 1);
  let to = 0;
  for (let row = 0; row < rows; row += 1) {
    for (const { first, weights } of table) {
      const start = row * rowLength + first * step;
      for (let i = 0; i < run; i += 1) {
        let sum = half;
        for (let k = 0, from = start + i; k < weights.length; k += 1, from += step) {
          sum += data[from] * weights[k];
        }
        result[to] = sum >> PRECISION_BITS; // the array clamps to 0..255
        to += 1;
      }
    }
  }
  return result;
}
