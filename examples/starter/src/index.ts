import { getMetrics, withMetrics } from "metrics-reporter-client";
import { catalogue } from "./metrics.ts";

export default withMetrics({
  async fetch(request, _env, ctx) {
    const language = new URL(request.url).searchParams.get("language") === "pt" ? "pt" : "en";
    getMetrics(ctx, catalogue).incr("greetings_total", { language });
    return new Response(language === "pt" ? "olá\n" : "hello\n");
  },
} satisfies ExportedHandler<Env>, { catalogue });
