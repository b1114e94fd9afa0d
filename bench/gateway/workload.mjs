// Samples as a sender has them, and as a PushRequest in a gRPC-Web frame.

const ROUTES = 100;

/** One increment for each of `count` series, from series number `first` on. */
export function counters(count, first = 0) {
  return Array.from({ length: count }, (_, n) => ({ name: "http_requests_total", type: 1, value: 1, labels: labels(first + n) }));
}

/** Observations of a tenth as many series: those do not fold on their way. */
export function histograms(count) {
  const sample = (n) => ({ name: "http_request_latency_ms", type: 3, value: (n * 37) % 1500, labels: labels(n % (count / 10)) });
  return Array.from({ length: count }, (_, n) => sample(n));
}

function labels(n) {
  return { method: n % 2 === 0 ? "GET" : "POST", route: `/api/v1/items/${n % ROUTES}`, worker: `checkout-${Math.floor(n / ROUTES)}` };
}

export function encodePush(samples) {
  const message = Buffer.concat(samples.map((sample) => field(1, metric(sample))));
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function metric({ name, type, value, labels }) {
  const double = Buffer.alloc(9);
  double[0] = (5 << 3) | 1;
  double.writeDoubleLE(value, 1);
  const entries = Object.entries(labels).map(([key, value]) => field(4, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))])));
  return Buffer.concat([field(1, Buffer.from(name)), Buffer.from([3 << 3, type]), ...entries, double]);
}

function field(number, bytes) {
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

/** The text format, for a Pushgateway. */
export function encodeText(samples) {
  const selector = (labels) => Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  const lines = samples.map(({ name, value, labels }) => `${name}{${selector(labels)}} ${value}\n`);
  return Buffer.from(`# TYPE ${samples[0].name} counter\n${lines.join("")}`);
}
