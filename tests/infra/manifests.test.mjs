// Checks deploy/kubernetes without a cluster: the manifests are valid and complete, and the gateway
// supports their settings.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { before, describe, test } from "node:test";
import { Process, ROOT, gatewayBinary } from "../harness/index.mjs";
import { missing, render, validate } from "./manifests/tools.mjs";

const KUBERNETES = join(ROOT, "deploy", "kubernetes");
const read = (...path) => readFileSync(join(ROOT, ...path), "utf8");
const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);

test("each kustomization names every file beside it", () => {
  for (const folder of ["gateway", "monitoring"]) {
    const there = readdirSync(join(KUBERNETES, folder)).filter((name) => name !== "kustomization.yaml");
    const named = all(read("deploy", "kubernetes", folder, "kustomization.yaml"), /^ {2}- (\S+\.yaml)$/gm);
    assert.deepEqual([...named].sort(), there.sort(), folder);
  }
});

test("the image is this version's, here and in the OpenTofu module", () => {
  const [version] = all(read("Cargo.toml"), /^version = "(.+)"$/gm);
  const image = `ghcr.io/marqo-ai/metrics-gateway:${version}`;
  assert.deepEqual(all(read("deploy", "kubernetes", "gateway", "statefulset.yaml"), /image: (\S+)/g), [image]);
  assert.deepEqual(all(read("infra", "modules", "gateway", "variables.tf"), /default += "(\S+\/metrics-gateway:\S+)"/g), [image]);
});

describe("what kubectl apply -k deploy/kubernetes sends", { skip: missing() }, () => {
  let objects, errors;
  before(() => {
    ({ objects, errors } = validate(render(KUBERNETES)));
  });
  const find = (kind, name) => objects.find((object) => object.kind === kind && (name === undefined || object.metadata.name === name));
  const gateway = () => find("StatefulSet").spec.template;

  test("is legal to the oldest and the newest Kubernetes, and to the Prometheus operator", () => {
    assert.deepEqual(errors, []);
    assert.deepEqual(objects.map(({ kind }) => kind).sort(), [
      "ConfigMap", "Namespace", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "PodMonitor", "PrometheusRule", "Service", "Service",
      "StatefulSet",
    ]);
  });

  test("would be refused with one field misspelt", () => {
    for (const [field, wrong] of [["serviceName:", "servicename:"], ["podMetricsEndpoints:", "podMetricEndpoints:"], ["publishNotReadyAddresses:", "publishNotReady:"]]) {
      const text = render(KUBERNETES);
      assert.ok(text.includes(field), field);
      assert.notEqual(validate(text.replace(field, wrong)).errors.length, 0, field);
    }
  });

  test("is all in the gateway's namespace", () => {
    for (const { kind, metadata } of objects) {
      assert.equal(kind === "Namespace" ? metadata.name : metadata.namespace, "metrics-gateway", `${kind} ${metadata.name}`);
    }
  });

  test("has the rules and the dashboard of dashboards/", () => {
    const dashboard = find("ConfigMap");
    assert.equal(dashboard.data["metrics-gateway-worker.json"], read("dashboards", "metrics-gateway-worker.json"));
    assert.equal(dashboard.metadata.labels.grafana_dashboard, "1");
    const rules = find("PrometheusRule").spec.groups.flatMap((group) => group.rules);
    assert.deepEqual(rules.map((rule) => rule.alert ?? rule.record), all(read("dashboards", "rules.yml"), /^ +- (?:alert|record): (\S+)$/gm));
  });

  test("selects the pods that it makes, and monitors ports that they have", () => {
    const { labels } = gateway().metadata;
    const selected = (selector) => Object.entries(selector).every(([key, value]) => labels[key] === value);
    for (const service of objects.filter(({ kind }) => kind === "Service")) assert.ok(selected(service.spec.selector), service.metadata.name);
    assert.ok(selected(find("PodDisruptionBudget").spec.selector.matchLabels));
    assert.ok(selected(find("NetworkPolicy").spec.podSelector.matchLabels));
    const monitor = find("PodMonitor", "grpc-metrics-gateway");
    assert.ok(selected(monitor.spec.selector.matchLabels));
    const names = gateway().spec.containers[0].ports.map(({ name }) => name);
    assert.ok(names.includes(monitor.spec.podMetricsEndpoints[0].port));
    assert.equal(find("Service", find("StatefulSet").spec.serviceName).spec.clusterIP, "None");
  });

  test("scrapes under the jobs that the rules know, with the pod's name as the instance", () => {
    for (const monitor of objects.filter(({ kind }) => kind === "PodMonitor")) {
      const job = monitor.spec.selector.matchLabels[monitor.spec.jobLabel];
      assert.ok(read("dashboards", "rules.yml").includes(`{job=~"(.+/)?${job}"}`), job);
      assert.deepEqual(monitor.spec.podMetricsEndpoints[0].relabelings, [{ sourceLabels: ["__meta_kubernetes_pod_name"], targetLabel: "instance" }]);
      assert.deepEqual(monitor.spec.podTargetLabels, ["cell"]);
    }
  });

  test("knows the connector as the tunnel module labels it", () => {
    const connector = read("infra", "modules", "tunnel", "connector.tf");
    const [app] = all(connector, /labels += \{ app = "([\w-]+)"/g);
    const monitor = find("PodMonitor", "cloudflared-grpc-metrics-gateway");
    assert.deepEqual(monitor.spec.selector.matchLabels, { app });
    assert.deepEqual(find("NetworkPolicy").spec.ingress[0].from[0].podSelector.matchLabels, { app });
    assert.match(connector, new RegExp(`name += "${monitor.spec.podMetricsEndpoints[0].port}"`));
  });

  test("drains for longer than two scrapes, and is given the time", () => {
    const [drain] = all(gateway().spec.containers[0].args.join(" "), /--drain-seconds=(\d+)/g).map(Number);
    const interval = Number.parseInt(find("PodMonitor", "grpc-metrics-gateway").spec.podMetricsEndpoints[0].interval, 10);
    assert.ok(drain > 2 * interval, `${drain} s, scraped every ${interval} s`);
    assert.ok(gateway().spec.terminationGracePeriodSeconds >= drain + 10 + 5, "the drain, the pushes under way and a margin");
  });

  // kube-proxy sends new connections to a stopping pod only if no other is ready and this probe succeeds. /-/ready fails
  // from SIGTERM on, so a single pod would refuse pushes during its whole drain.
  test("a single pod gets pushes while it drains", () => {
    assert.equal(gateway().spec.containers[0].readinessProbe.httpGet.path, "/-/healthy");
  });

  test("can be changed as the README's overlay does it", () => {
    const [overlay] = all(read("deploy", "kubernetes", "README.md"), /```yaml\n(.+?)```/gs);
    const folder = mkdtempSync(join(tmpdir(), "overlay-"));
    try {
      const here = overlay.replace(/https:\S+\/deploy\/kubernetes\?ref=v\S+/, relative(realpathSync(folder), KUBERNETES)).replace("sha256:…", `sha256:${"0a".repeat(32)}`);
      writeFileSync(join(folder, "kustomization.yaml"), here);
      const changed = validate(render(folder));
      assert.deepEqual(changed.errors, []);
      const { replicas, template } = changed.objects.find(({ kind }) => kind === "StatefulSet").spec;
      assert.equal(replicas, 3);
      assert.equal(template.metadata.labels.cell, "cell1");
      assert.match(template.spec.containers[0].image, /@sha256:(0a){32}$/);
      const policy = changed.objects.find(({ kind }) => kind === "NetworkPolicy").spec;
      assert.deepEqual(policy.ingress[1].from[0].namespaceSelector.matchLabels, { "kubernetes.io/metadata.name": "observability" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("starts the gateway with flags that it has, and probes paths that it answers", async () => {
    const [container] = gateway().spec.containers;
    const loopback = container.args.map((arg) => arg.replace(/0\.0\.0\.0:\d+$/, "127.0.0.1:0"));
    const running = new Process("gateway", gatewayBinary(), loopback);
    try {
      const ports = await running.until("both ports are open", () => {
        const found = running.lines.flatMap(({ text }) => all(text, /(?:listening|admin) on http:\/\/(127\.0\.0\.1:\d+)/g));
        return found.length === 2 && found;
      });
      const [push, admin] = ports;
      for (const { httpGet } of [container.readinessProbe, container.livenessProbe]) {
        assert.equal((await fetch(`http://${admin}${httpGet.path}`)).status, 200, httpGet.path);
      }
      assert.equal((await fetch(`http://${admin}/metrics`)).status, 200, "Prometheus reads the admin port");
      assert.equal((await fetch(`http://${push}/metrics`)).status, 404, "the tunnel does not");
    } finally {
      await running.stop("SIGKILL");
    }
  });
});
