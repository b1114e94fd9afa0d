import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { reporterStub } from "metrics-reporter-client/testing";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [
    cloudflareTest({
      wrangler: { configPath: "./wrangler.toml" },
      // Stands in for the Worker behind the binding METRICS.
      miniflare: { workers: [reporterStub()] },
    }),
  ],
});
