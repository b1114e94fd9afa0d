// itty-router, wrapped: the router stores the matched pattern on the request.
import { defineMetrics, getMetrics, withMetrics, type MetricsReporter } from "metrics-reporter-client";
import { AutoRouter, type IRequest } from "itty-router";

type Env = { METRICS: Service<MetricsReporter> };

const catalogue = defineMetrics({
  greetings_total: { type: "counter", labels: ["language"], help: "Greetings given" },
});

const router = AutoRouter();

router.get("/hello/:name", ({ params }: IRequest, _env: Env, ctx: ExecutionContext) => {
  getMetrics(ctx, catalogue).incr("greetings_total", { language: "en" });
  return { hello: params["name"] };
});

export default withMetrics(router, { catalogue, route: (request: IRequest) => request.route });
