locals {
  count         = var.enable_grpc_metrics_gateway_tunnel ? 1 : 0
  route_network = try(length(var.grpc_metrics_gateway_tunnel_route_network), 0) == 0 ? null : var.grpc_metrics_gateway_tunnel_route_network
}

resource "cloudflare_zero_trust_tunnel_cloudflared" "gateway" {
  count = local.count

  account_id = var.account_id
  name       = var.name
  config_src = "cloudflare"
}

# No public hostname: the next apply removes one that was added by hand.
resource "cloudflare_zero_trust_tunnel_cloudflared_config" "gateway" {
  count = local.count

  account_id = var.account_id
  tunnel_id  = cloudflare_zero_trust_tunnel_cloudflared.gateway[0].id
  config = {
    ingress = [{ service = "http_status:404" }]
  }
}

# Separates a Path B route from equal addresses in other cells. A VPC service (Path A) does not use it.
resource "cloudflare_zero_trust_tunnel_cloudflared_virtual_network" "gateway" {
  count = local.count

  account_id         = var.account_id
  name               = var.name
  comment            = "private metrics gateway"
  is_default_network = false
}

resource "cloudflare_zero_trust_tunnel_cloudflared_route" "gateway" {
  count = local.route_network == null ? 0 : local.count

  account_id         = var.account_id
  tunnel_id          = cloudflare_zero_trust_tunnel_cloudflared.gateway[0].id
  virtual_network_id = cloudflare_zero_trust_tunnel_cloudflared_virtual_network.gateway[0].id
  network            = local.route_network
  comment            = "metrics gateway ClusterIP"
}

data "cloudflare_zero_trust_tunnel_cloudflared_token" "gateway" {
  count = local.count

  account_id = var.account_id
  tunnel_id  = cloudflare_zero_trust_tunnel_cloudflared.gateway[0].id
}
