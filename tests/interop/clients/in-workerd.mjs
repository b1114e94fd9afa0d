// A Worker that makes one call with the client behind CLIENT, which the bundler inserts. It calls
// through the global fetch, a binding's fetch, or a binding's fetch without the one option that
// workerd refuses.

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { makeCall } from "CLIENT";

export default {
  async fetch(request, env) {
    try {
      const options = { baseUrl: "http://gateway" };
      const { pathname } = new URL(request.url);
      if (pathname === "/binding") options.fetch = (url, init) => env.GATEWAY.fetch(url, init);
      if (pathname === "/wrapped") options.fetch = (url, init) => env.GATEWAY.fetch(url, { ...init, redirect: "manual" });
      if (env.DESCRIPTORS) {
        const bytes = Uint8Array.from(atob(env.DESCRIPTORS), (c) => c.charCodeAt(0));
        options.service = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes)).getService("marqo.metrics.v1.MetricsIngest");
      }
      const [code, message] = await makeCall(options)("a_total", 2_000);
      return Response.json({ code, message });
    } catch (error) {
      return Response.json({ thrown: String(error) });
    }
  },
};
