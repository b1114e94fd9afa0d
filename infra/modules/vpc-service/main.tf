resource "cloudflare_connectivity_directory_service" "gateway" {
  count = var.enable && var.metrics_gateway_worker_vpc_service_id == null ? 1 : 0

  account_id = var.account_id
  name       = var.name
  type       = "http"
  # Without https_port an https:// URL has no target, so a wrong GATEWAY_URL fails completely instead of
  # partly working.
  http_port = var.gateway_port

  host = {
    hostname         = var.gateway_hostname
    resolver_network = { tunnel_id = var.tunnel_id }
  }

  lifecycle {
    precondition {
      condition     = var.tunnel_id != null
      error_message = "a VPC service needs tunnel_id: enable the tunnel, or give metrics_gateway_worker_vpc_service_id for a service that exists already."
    }
  }
}
