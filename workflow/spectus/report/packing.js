// Parts of the page that are unpacked when they are needed.

const parsed = new Promise(done => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", done);
  else done();
});

const packed = {
  found: new Map(),

  /** The value of a part, unpacked for this once. */
  async once(id) {
    return JSON.parse(new TextDecoder().decode(await this.bytes(id)));
  },

  async bytes(id) {
    await parsed;
    const stream = new Blob([this.octets(document.getElementById(`packed-${id}`).textContent)]).stream();
    return new Response(stream.pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  },

  /** Values of the 91 characters of packing.py by their codes. */
  values: Uint8Array.from({length: 128}, (_, code) => code - 33 - (code > 38) - (code > 60) - (code > 92)),

  /** The bytes of a text of which two characters hold 13 bits, and one last character 6. */
  octets(text) {
    const {values} = this, even = text.length & ~1, found = new Uint8Array((even / 2 * 13 + (text.length & 1) * 6) >> 3);
    let bits = 0, number = 0, place = 0;
    for (let at = 0; at < text.length; at += 2) {
      const pair = at < even, code = pair ? values[text.charCodeAt(at)] * 91 + values[text.charCodeAt(at + 1)] : values[text.charCodeAt(at)];
      const width = pair ? 13 : 6;
      bits = bits << width | code;
      number += width;
      for (; number > 7; number -= 8) found[place++] = bits >> (number - 8);
      bits &= (1 << number) - 1;
    }
    return found;
  },

  /** The value of a part; unpacked once. */
  value(id) {
    if (!this.found.has(id)) this.found.set(id, this.once(id));
    return this.found.get(id);
  },
};

/** The details of a feature with the drawings and library spectra of its part. */
async function detailOf(i) {
  const part = await packed.value(`part-${Math.floor(i / data.partSize)}`), place = i % data.partSize;
  return {...part.details[place], candidates: rowsOf(part.candidates, place), hits: rowsOf(part.hits, place), drawings: part.drawings, spectra: part.spectra};
}

/** The rows of a feature, which its part has by column. */
function rowsOf({counts, columns}, place) {
  const first = counts.slice(0, place).reduce((sum, count) => sum + count, 0);
  return Array.from({length: counts[place]}, (_, number) => columns.map(column => column[first + number]));
}

// Areas by feature and run: 16-bit numbers on a logarithmic scale, see packing.py. Here 2 x code + gap-filled, where
// code 0 means no area, 1 the smallest one, and 32767 one that is not above 0.
const areas = {
  codes: null,
  ready: null,

  load() {
    this.ready = this.ready || packed.bytes("areas").then(bytes => { this.codes = this.unpack(bytes); });
    return this.ready;
  },

  unpack(bytes) {
    const n = data.axis.length, middles = new Uint16Array(bytes, 0, 2 * nFeatures), start = middles.byteLength;
    const lower = new Uint8Array(bytes, start, n * nFeatures), higher = new Uint8Array(bytes, start + n * nFeatures);
    const codes = new Uint16Array(n * nFeatures);
    for (let place = 0; place < codes.length; place++) {
      const gap = lower[place] & 1, number = higher[place] << 7 | lower[place] >> 1;
      const middle = middles[2 * Math.floor(place / n) + gap];
      const code = number === 0 ? 0 : number === 1 ? 32767 : middle + 1 + (number & 1 ? (1 - number) / 2 : number / 2 - 1);
      codes[place] = code << 1 | gap;
    }
    return codes;
  },

  /** The areas of a feature in the runs of `data.axis`; null where there is none. */
  of(i) {
    const n = data.axis.length, {low, step} = data.areas;
    return Array.from(this.codes.subarray(i * n, (i + 1) * n), code => {
      const number = code >> 1;
      return number === 0 ? null : number === 32767 ? 0 : Math.exp(low + (number - 1) * step);
    });
  },

  /** The logarithms of these areas; -Infinity where there is none above 0. */
  logarithms(i) {
    const n = data.axis.length, {low, step} = data.areas, found = new Float64Array(n).fill(-Infinity);
    for (let run = 0; run < n; run++) {
      const number = this.codes[i * n + run] >> 1;
      if (number !== 0 && number !== 32767) found[run] = low + (number - 1) * step;
    }
    return found;
  },

  /** Whether the area of a feature is gap-filled, by run. */
  filled(i) {
    const n = data.axis.length;
    return Array.from(this.codes.subarray(i * n, (i + 1) * n), code => (code & 1) === 1);
  },
};
