// An independent decoder for the gateway's side of the wire. It shares no code with the Worker or
// the reference gateway, so it finds errors in both.

const text = new TextDecoder("utf-8", { fatal: true });

/** @typedef {{ name: string, type: number, labels: Record<string, string>, value: number }} Metric */

/**
 * The Metrics of a request's body: one length-prefixed message, and nothing else.
 *
 * @param {Uint8Array} body
 * @returns {Metric[]}
 */
export function readPush(body) {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  if (body.length < 5 || body[0] !== 0) throw new Error(`expected a data frame, got ${body.subarray(0, 5)}`);
  const length = view.getUint32(1);
  if (length !== body.length - 5) throw new Error(`expected one frame of ${body.length - 5} bytes, got ${length}`);
  return fields(body.subarray(5)).map(([number, value]) => {
    if (number !== 1) throw new Error(`field ${number} of PushRequest`);
    return readMetric(value);
  });
}

function readMetric(bytes) {
  const metric = { name: "", type: 0, labels: {}, value: 0 };
  for (const [number, value] of fields(bytes)) {
    if (number === 1) metric.name = text.decode(value);
    else if (number === 3) metric.type = value;
    else if (number === 5) metric.value = value;
    else if (number === 4) {
      const entry = Object.fromEntries(fields(value).map(([n, v]) => [n, text.decode(v)]));
      metric.labels[entry[1] ?? ""] = entry[2] ?? "";
    } else if (number !== 2) throw new Error(`field ${number} of Metric`);
  }
  return metric;
}

/** @returns {[number: number, value: any][]} */
function fields(bytes) {
  const found = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = view.getUint8(at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    let value;
    if ((key & 7) === 0) value = varint();
    else if ((key & 7) === 1) value = view.getFloat64((at += 8) - 8, true);
    else if ((key & 7) === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new Error("a field past the end of its message");
      value = bytes.subarray(at, (at += length));
    } else throw new Error(`wire type ${key & 7}`);
    found.push([key >>> 3, value]);
  }
  return found;
}

/** A frame: flags, length, payload. */
export function frame(flags, payload) {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** The message frame of a PushResponse. */
export function response(accepted, rejected) {
  return frame(0, [...count(0x08, accepted), ...count(0x10, rejected)]);
}

function count(key, n) {
  if (n === 0) return [];
  const bytes = [key];
  for (; n >= 128; n = Math.floor(n / 128)) bytes.push((n % 128) | 0x80);
  bytes.push(n);
  return bytes;
}

/** The trailers frame. */
export function trailers(lines) {
  return frame(0x80, Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join(""));
}
