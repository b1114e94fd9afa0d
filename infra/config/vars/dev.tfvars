# Path A, everything made by this stack: tunnel, VPC service, Worker.

account_id = "00000000000000000000000000000000" # yours: Cloudflare dashboard, Workers & Pages, Account details
cell       = "cell1"
env        = "dev"

enable_grpc_metrics_gateway_tunnel       = true
enable_metrics_gateway_cloudflare_worker = true

kubeconfig_context = "cell1-dev" # as in `kubectl config get-contexts`

# The connector's image by digest, so that the tag cannot move: docs/runbook.md, "Change", says how to look it up.
# cloudflared_image        = "cloudflare/cloudflared:2026.8.2"
# cloudflared_image_digest = "sha256:…"

# How a deployment is verified, once a caller is there (docs/runbook.md, "First deployment").
# verify_args = "--caller https://example-caller-dev.<subdomain>.workers.dev --kubectl"

# The Worker's vars; what is not here keeps the Worker's default.
metrics_gateway_worker_settings = {
  # A development environment is for finding mistakes: an invalid sample rejects instead of counting as refused.
  REJECT_INVALID = true
}
