// Every way in which a push can fail, as a function of one Exchange, with the expected entry in the
// ledger: `outcome`, `reason`, and whether the push is retried.

import { setTimeout as sleep } from "node:timers/promises";
import { response, trailers } from "../harness/wire.mjs";

export const ok = (exchange) => exchange.deliver();

/** @typedef {{ name: string, act: (exchange: import("./gateway.mjs").Exchange) => Promise<void> | void, outcome: "delivered" | "dropped" | "unknown", reason?: string, retried?: boolean, thrown?: boolean, stalls?: boolean }} Fault */

const STATUS_OK = { "grpc-status": 0 };
const page = (title) => `<!DOCTYPE html><title>${title}</title><h1>${title}</h1>`;

/**
 * Codes that mean that the gateway has applied nothing. After other codes it may have applied the
 * push.
 */
export const REFUSED_CODES = new Set([3, 5, 6, 7, 8, 9, 11, 12, 16]);
export const CODE_NAMES = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
  "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
];

/** Codes of the VPC binding for errors before the request is sent. The first seven are retried. */
export const UNSENT = [
  "connection_refused", "connection_timeout", "connection_limit_reached", "destination_unavailable",
  "dns_error", "dns_timeout", "rate_limited",
  "destination_not_found", "destination_ip_prohibited", "destination_ip_unroutable", "http_request_denied",
  "proxy_loop_detected", "tls_certificate_error",
];
export const RETRIED = new Set(UNSENT.slice(0, 7));
/** Codes after which the gateway may have read the request. */
export const SENT = [
  "connection_terminated", "connection_read_timeout", "connection_write_timeout", "tls_protocol_error",
  "http_request_error", "http_upgrade_failed", "http_protocol_error", "http_response_incomplete",
  "proxy_internal_error", "a_code_of_next_year",
];

/** The VPC binding's error as an HTTP answer. */
export const proxyErrorText = (code, applies) => async (exchange) => {
  if (applies) await exchange.apply();
  exchange.http(500, "text/plain", `ProxyError: ${code}`);
};

/** The VPC binding's error as an exception, which the stand-in for the binding throws (`throwing`). */
export const proxyErrorThrown = (code, applies) => async (exchange) => {
  if (applies) await exchange.apply();
  exchange.http(500, "text/plain", "", { "x-throw": `ProxyError: ${code}` });
};

/** A Worker in place of the binding that throws when the fault gateway tells it to. */
export const throwing = `export default {
  async fetch(request, env) {
    const response = await env.UPSTREAM.fetch(request);
    const message = response.headers.get("x-throw");
    if (message) throw new Error(message);
    return response;
  },
};`;

/** A status in the headers, after applying the push if the status allows it. */
export const status = (code, headers) => async (exchange) => {
  if (!REFUSED_CODES.has(code)) await exchange.apply();
  exchange.status(code, headers);
};

/** A status in a trailers frame. */
export const statusInBody = (code) => async (exchange) => {
  if (!REFUSED_CODES.has(code)) await exchange.apply();
  exchange.answer([trailers({ "grpc-status": code, "grpc-message": "told%20to%20fail" })]);
};

/** A message and trailers, one byte at a time. */
const drip = (pauseMs) => async (exchange) => {
  await exchange.apply();
  exchange.head();
  for (const byte of Buffer.concat([response(exchange.applied, 0), trailers(STATUS_OK)])) {
    if (exchange.reply.destroyed) return;
    exchange.reply.write(Buffer.of(byte));
    await sleep(pauseMs);
  }
  exchange.reply.end();
};

/** PUSH_TIMEOUT_MS for a fault that must exceed it. */
export const TIMEOUT_MS = 800;

/** @type {Fault[]} */
export const FAULTS = [
  {
    name: "resets the connection before it reads the request",
    act: (exchange) => exchange.reset(),
    outcome: "unknown",
    reason: "connection_lost",
  },
  {
    name: "resets the connection after it has read the request and before it applies it",
    act: async (exchange) => {
      await exchange.read();
      exchange.reset();
    },
    outcome: "unknown",
    reason: "connection_lost",
  },
  {
    name: "applies and then resets the connection",
    act: async (exchange) => {
      await exchange.apply();
      exchange.reset();
    },
    outcome: "unknown",
    reason: "connection_lost",
  },
  {
    name: "applies, begins to answer and then resets the connection",
    act: async (exchange) => {
      await exchange.apply();
      exchange.head({ "content-length": 100 });
      await new Promise((resolve) => exchange.reply.write(response(exchange.applied, 0), resolve));
      exchange.reset();
    },
    outcome: "unknown",
  },
  {
    name: "stalls and never applies",
    act: async (exchange) => {
      await exchange.read();
      await exchange.closed;
    },
    outcome: "unknown",
    reason: "deadline",
    stalls: true,
  },
  {
    name: "stalls, and applies when the Worker has given up",
    act: async (exchange) => {
      const metrics = await exchange.read();
      await exchange.closed;
      exchange.gateway.apply(exchange.id, metrics, exchange.own);
      exchange.applied = metrics.length;
    },
    outcome: "unknown",
    reason: "deadline",
    stalls: true,
  },
  {
    name: "applies and then stalls",
    act: async (exchange) => {
      await exchange.apply();
      await exchange.closed;
    },
    outcome: "unknown",
    reason: "deadline",
    stalls: true,
  },
  {
    name: "applies, sends headers and then stalls",
    act: async (exchange) => {
      await exchange.apply();
      exchange.head();
      exchange.reply.flushHeaders();
      await exchange.closed;
    },
    outcome: "unknown",
    reason: "deadline",
    stalls: true,
  },
  {
    name: "applies and cuts its answer short",
    act: async (exchange) => {
      await exchange.apply();
      const whole = Buffer.concat([response(exchange.applied, 0), trailers(STATUS_OK)]);
      exchange.head({ "content-length": whole.length });
      exchange.reply.end(whole.subarray(0, whole.length - 3));
      exchange.reply.socket?.end();
    },
    outcome: "unknown",
  },
  {
    name: "applies and ends its answer inside a frame",
    act: async (exchange) => {
      await exchange.apply();
      exchange.answer([Buffer.concat([response(exchange.applied, 0), trailers(STATUS_OK)]).subarray(0, -3)]);
    },
    outcome: "unknown",
  },
  {
    name: "applies and leaves the trailers out",
    act: async (exchange) => {
      await exchange.apply();
      exchange.answer([response(exchange.applied, 0)]);
    },
    outcome: "unknown",
  },
  {
    name: "applies and sends trailers without a status",
    act: async (exchange) => {
      await exchange.apply();
      exchange.answer([response(exchange.applied, 0), trailers({ "grpc-message": "fine" })]);
    },
    outcome: "unknown",
  },
  {
    name: "applies and answers with nothing at all",
    act: async (exchange) => {
      await exchange.apply();
      exchange.answer([]);
    },
    outcome: "unknown",
  },
  {
    name: "applies and answers with a body that never ends",
    act: async (exchange) => {
      await exchange.apply();
      exchange.head();
      const chunk = Buffer.alloc(16_384);
      while (!exchange.reply.destroyed) {
        const more = exchange.reply.write(chunk);
        if (!more) await Promise.race([new Promise((r) => exchange.reply.once("drain", r)), exchange.closed]);
      }
    },
    outcome: "unknown",
  },
  {
    name: "applies and drips its answer past the deadline",
    act: drip(TIMEOUT_MS / 4),
    outcome: "unknown",
    reason: "deadline",
    stalls: true,
  },
  { name: "applies and drips its answer within the deadline", act: drip(1), outcome: "delivered" },
  {
    name: "rejects everything",
    act: async (exchange) => {
      await exchange.apply(Infinity);
      exchange.answer([response(0, exchange.metrics.length), trailers(STATUS_OK)]);
    },
    outcome: "delivered",
  },
  {
    name: "rejects a part",
    act: async (exchange) => {
      await exchange.apply(1);
      exchange.answer([response(exchange.applied, exchange.metrics.length - exchange.applied), trailers(STATUS_OK)]);
    },
    outcome: "delivered",
  },
  {
    name: "applies and says that it accepted one less than was sent",
    act: async (exchange) => {
      await exchange.apply();
      exchange.answer([response(exchange.applied - 1, 0), trailers(STATUS_OK)]);
    },
    outcome: "delivered",
  },
  {
    name: "applies and says that it accepted far more than was sent",
    act: async (exchange) => {
      await exchange.apply();
      exchange.answer([response(2 ** 40, 0), trailers(STATUS_OK)]);
    },
    outcome: "delivered",
  },
  {
    name: "stands behind a proxy that answers 503",
    act: (exchange) => exchange.http(503, "text/html", page("503 Service Temporarily Unavailable")),
    outcome: "unknown",
    reason: "http_status",
  },
  {
    name: "applies behind a proxy that answers 504",
    act: async (exchange) => {
      await exchange.apply();
      exchange.http(504, "text/html", page("504 Gateway Time-out"));
    },
    outcome: "unknown",
    reason: "http_status",
  },
  {
    name: "stands behind an access proxy that answers 403",
    act: (exchange) => exchange.http(403, "text/html", page("403 Forbidden")),
    outcome: "dropped",
    reason: "http_status",
  },
  {
    name: "applies behind an edge that answers with its error 1101",
    act: async (exchange) => {
      await exchange.apply();
      exchange.http(500, "text/html; charset=UTF-8", page("Worker threw exception | Error 1101"));
    },
    outcome: "unknown",
  },
  {
    name: "answers UNAVAILABLE after applying",
    act: status(14),
    outcome: "unknown",
    reason: "UNAVAILABLE",
  },
  {
    name: "answers RESOURCE_EXHAUSTED",
    act: status(8),
    outcome: "dropped",
    reason: "RESOURCE_EXHAUSTED",
  },
  {
    name: "cannot be reached, says the binding in text",
    act: proxyErrorText("destination_not_found", false),
    outcome: "dropped",
    reason: "destination_not_found",
  },
  {
    name: "was cut off after applying, says the binding in text",
    act: proxyErrorText("connection_terminated", true),
    outcome: "unknown",
    reason: "connection_terminated",
  },
  {
    name: "cannot be reached, throws the binding",
    act: proxyErrorThrown("destination_ip_prohibited", false),
    outcome: "dropped",
    reason: "destination_ip_prohibited",
    thrown: true,
  },
  {
    name: "refuses connections, throws the binding",
    act: proxyErrorThrown("connection_refused", false),
    outcome: "dropped",
    reason: "connection_refused",
    retried: true,
    thrown: true,
  },
  {
    name: "was cut off after applying, throws the binding",
    act: proxyErrorThrown("http_response_incomplete", true),
    outcome: "unknown",
    reason: "http_response_incomplete",
    thrown: true,
  },
];
