// The content of the gateway's manifests that the Kustomize base and the OpenTofu module share, in
// one form. Prints it as JSON. run.sh compares the module with it (gateway.tftest.hcl.in).

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "../../harness/index.mjs";
import { missing, render, validate } from "./tools.mjs";

export function shape(objects) {
  const find = (kind, name = "grpc-metrics-gateway") => objects.find((object) => object.kind === kind && object.metadata.name === name);
  const statefulSet = find("StatefulSet");
  const pod = statefulSet.spec.template.spec;
  const [container] = pod.containers;
  const ports = (service) => service.spec.ports.map(({ name, port, targetPort }) => `${name} ${port} ${targetPort}`);
  const probe = ({ httpGet, periodSeconds, timeoutSeconds, failureThreshold }) =>
    `${httpGet.path} ${httpGet.port} ${periodSeconds} ${timeoutSeconds ?? 1} ${failureThreshold}`;
  const policy = find("NetworkPolicy").spec;
  return {
    namespace: objects.find(({ kind }) => kind === "Namespace").metadata,
    replicas: String(statefulSet.spec.replicas),
    service_name: statefulSet.spec.serviceName,
    pod_management: statefulSet.spec.podManagementPolicy,
    selector: statefulSet.spec.selector.matchLabels,
    labels: statefulSet.spec.template.metadata.labels,
    grace: pod.terminationGracePeriodSeconds,
    user: `${pod.securityContext.runAsNonRoot} ${pod.securityContext.runAsUser} ${pod.securityContext.runAsGroup} ${pod.securityContext.seccompProfile.type}`,
    token: pod.automountServiceAccountToken,
    links: pod.enableServiceLinks,
    spread: pod.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution.map(
      ({ weight, podAffinityTerm }) => `${weight} ${podAffinityTerm.topologyKey}`,
    ),
    image: container.image,
    args: container.args,
    ports: container.ports.map(({ name, containerPort }) => `${name} ${containerPort}`),
    ready: probe(container.readinessProbe),
    alive: probe(container.livenessProbe),
    requests: container.resources.requests,
    limits: container.resources.limits,
    privileges: `${container.securityContext.allowPrivilegeEscalation} ${container.securityContext.privileged} ${container.securityContext.readOnlyRootFilesystem} ${container.securityContext.capabilities.drop}`,
    service: ports(find("Service")),
    pods: ports(find("Service", "grpc-metrics-gateway-pods")),
    disruption: String(find("PodDisruptionBudget").spec.maxUnavailable),
    policy: [...policy.policyTypes].sort(),
    ingress: policy.ingress.map(({ from, ports: [{ protocol, port }] }) => ({
      namespace: from[0].namespaceSelector?.matchLabels ?? {},
      pods: from[0].podSelector.matchLabels,
      port: `${protocol} ${port}`,
    })),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const absent = missing();
  if (absent) {
    console.error(`skipped: ${absent}`);
    process.exit(77);
  }
  console.log(JSON.stringify(shape(validate(render(join(ROOT, "deploy", "kubernetes", "gateway"))).objects)));
}
