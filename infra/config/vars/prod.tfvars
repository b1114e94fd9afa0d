# Path A with Logpush.

account_id = "00000000000000000000000000000000" # yours: Cloudflare dashboard, Workers & Pages, Account details
cell       = "cell1"
env        = "prod"

enable_grpc_metrics_gateway_tunnel       = true
enable_metrics_gateway_cloudflare_worker = true

kubeconfig_context = "cell1-prod" # as in `kubectl config get-contexts`

# The connector's image by digest, so that the tag cannot move: docs/runbook.md, "Change", says how to look it up.
# cloudflared_image        = "cloudflare/cloudflared:2026.8.2"
# cloudflared_image_digest = "sha256:…"

# How a deployment is verified, once a caller is there (docs/runbook.md, "First deployment").
# verify_args = "--caller https://example-caller-prod.<subdomain>.workers.dev --kubectl"

# A runaway caller then costs at most this much for each invocation.
metrics_gateway_worker_cpu_ms = 1000

enable_metrics_gateway_worker_logpush = true
logpush_bucket                        = "example-cloudflare-logs"
logpush_region                        = "us-east-1"
logpush_sample_rate                   = 0.01
# logpush_ownership_proven            = true # once the first apply has made the job
