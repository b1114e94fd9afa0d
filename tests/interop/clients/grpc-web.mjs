// Google's grpc-web, in its binary format. It uses XMLHttpRequest, which xhr2 provides in Node.

import grpcWeb from "grpc-web";

/** @returns {(metric: string, timeoutMs: number) => Promise<[number, string, number, number]>} */
export function makeCall({ baseUrl }) {
  const client = new grpcWeb.GrpcWebClientBase({ format: "binary" });
  const path = "/marqo.metrics.v1.MetricsIngest/Push";
  const method = new grpcWeb.MethodDescriptor(path, grpcWeb.MethodType.UNARY, Object, Object, encode, decode);
  return async (metric, timeoutMs) => {
    try {
      const metadata = { deadline: String(Date.now() + timeoutMs) };
      const { accepted, rejected } = await client.unaryCall(baseUrl + path, { metric }, metadata, method);
      return [0, "", accepted, rejected];
    } catch (error) {
      // An RpcError, or a plain object that looks like one.
      if (typeof error?.code !== "number") throw error;
      return [error.code, error.message, 0, 0];
    }
  };
}

// Usually protoc-gen-js generates these. Two fields do not need it.
function encode({ metric }) {
  const name = new TextEncoder().encode(metric);
  const value = [0x29, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
  const body = [0x0a, name.length, ...name, 0x18, 1, ...value];
  return new Uint8Array([0x0a, body.length, ...body]);
}

function decode(bytes) {
  const message = { accepted: 0, rejected: 0 };
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) throw new Error("truncated");
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (!(byte & 0x80)) return value;
    }
    throw new Error("too long");
  };
  while (at < bytes.length) {
    const key = varint();
    if (key === 8) message.accepted = varint();
    else if (key === 16) message.rejected = varint();
    else if (key % 8 === 0) varint();
    else if (key % 8 === 2) at += varint();
    else throw new Error(`field ${key}`);
  }
  return message;
}
