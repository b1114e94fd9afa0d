// connect-es: the gRPC-Web transport of @connectrpc/connect-web.

import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

/** @returns {(metric: string, timeoutMs: number) => Promise<[number, string, number, number]>} */
export function makeCall({ baseUrl, service, fetch }) {
  const client = createClient(service, createGrpcWebTransport({ baseUrl, useBinaryFormat: true, ...(fetch && { fetch }) }));
  return async (metric, timeoutMs) => {
    try {
      const { accepted, rejected } = await client.push({ metrics: [{ name: metric, type: 1, value: 1 }] }, { timeoutMs });
      return [0, "", Number(accepted), Number(rejected)];
    } catch (error) {
      // Any other error is not the outcome of a call, and is passed on.
      if (error.name !== "ConnectError") throw error;
      return [error.code, error.rawMessage, 0, 0];
    }
  };
}
