// Reads numpy's .npz: a zip of .npy arrays, stored or deflated.

const LITTLE_ENDIAN = {
  "|u1": Uint8Array, "<i4": Int32Array, "<f4": Float32Array, "<f8": Float64Array,
  "<i8": BigInt64Array,
};

// Bytes of a .npz -> Map of name -> {shape, data}. Arrays of text are strings.
export async function readNpz(buffer) {
  const view = new DataView(buffer);
  const arrays = new Map();
  for (const entry of centralDirectory(view)) {
    // The local header repeats the name, with lengths of its own.
    const start = entry.header + 30
      + view.getUint16(entry.header + 26, true) + view.getUint16(entry.header + 28, true);
    const packed = new Uint8Array(buffer, start, entry.packedBytes);
    const bytes = entry.method === 0 ? packed : await inflate(packed, entry);
    arrays.set(entry.name.replace(/\.npy$/, ""), readNpy(bytes, entry.name));
  }
  return arrays;
}

function* centralDirectory(view) {
  let end = view.byteLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < 0) throw new Error("testvectors.npz: must be a zip file; copy it again");
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    const nameBytes = view.getUint16(at + 28, true);
    yield {
      method: view.getUint16(at + 10, true),
      packedBytes: view.getUint32(at + 20, true),
      header: view.getUint32(at + 42, true),
      name: new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, nameBytes)),
    };
    at += 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
}

async function inflate(packed, entry) {
  if (entry.method !== 8) throw new Error(`${entry.name}: unknown zip method ${entry.method}`);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function readNpy(bytes, name) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const wide = bytes[6] > 1; // versions 2 and 3 have a 4-byte header length
  const from = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder().decode(bytes.subarray(from, from + length));
  const type = /'descr': *'([^']+)'/.exec(header)[1];
  if (/'fortran_order': *True/.test(header)) throw new Error(`${name}: must be in C order`);
  const shape = [.../'shape': *\(([^)]*)\)/.exec(header)[1].matchAll(/\d+/g)].map(Number);
  const body = bytes.slice(from + length); // a copy, so that it is aligned
  if (type.startsWith("<U")) return { shape, data: utf32(body) };
  const Kind = LITTLE_ENDIAN[type];
  if (!Kind) throw new Error(`${name}: must be u1, i4, i8, f4, f8 or text, got ${type}`);
  return { shape, data: new Kind(body.buffer) };
}

function utf32(bytes) {
  let text = "";
  for (const code of new Uint32Array(bytes.buffer)) if (code) text += String.fromCodePoint(code);
  return text;
}
