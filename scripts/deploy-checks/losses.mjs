// Finds the deletions of a plan that lose data. Reads `tofu show -json PLAN` on standard input.
// Prints one line for each deletion: "lost", or "kept" for one without a loss, a tab, and what
// happens to which resource.

import { readFileSync } from "node:fs";

/**
 * Records that exist only in the state. Deleting one changes nothing at Cloudflare, at AWS or in
 * the cluster.
 */
const BOOKKEEPING = new Set(["cloudflare_logpush_ownership_challenge", "terraform_data"]);

/** Workloads that keep nothing on disk. tofu marks one as tainted when its first roll-out did not finish. */
const WORKLOADS = new Set(["kubernetes_deployment_v1", "kubernetes_stateful_set_v1"]);

function judge({ type, action_reason: reason, change }) {
  const replaced = change.actions.includes("create");
  const what = replaced ? "replaced" : "removed";
  if (BOOKKEEPING.has(type)) return { loss: false, what: `${what} in the state alone` };
  if (replaced && reason === "replace_because_tainted" && WORKLOADS.has(type)) {
    return { loss: false, what: "replaced, because its first roll-out did not finish" };
  }
  return { loss: true, what };
}

const plan = JSON.parse(readFileSync(0, "utf8"));
for (const resource of plan.resource_changes ?? []) {
  if (!resource.change.actions.includes("delete")) continue;
  const { loss, what } = judge(resource);
  console.log(`${loss ? "lost" : "kept"}\t${what}: ${resource.address}`);
}
