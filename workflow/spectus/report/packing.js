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
    const text = atob(document.getElementById(`packed-${id}`).textContent);
    const bytes = new Uint8Array(text.length);
    for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).arrayBuffer();
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

// Areas by feature and run: 16-bit numbers on a logarithmic scale, see packing.py.
const areas = {
  codes: null,
  ready: null,

  load() {
    this.ready = this.ready || packed.bytes("areas").then(bytes => { this.codes = new Uint16Array(bytes); });
    return this.ready;
  },

  /** The areas of a feature in the runs of `data.axis`; null where there is none. */
  of(i) {
    const n = data.axis.length, {low, step} = data.areas;
    return Array.from(this.codes.subarray(i * n, (i + 1) * n), code => {
      const number = code >> 1;
      return number === 0 ? null : number === 32767 ? 0 : Math.exp(low + (number - 1) * step);
    });
  },

  /** Whether the area of a feature is gap-filled, by run. */
  filled(i) {
    const n = data.axis.length;
    return Array.from(this.codes.subarray(i * n, (i + 1) * n), code => (code & 1) === 1);
  },
};
