output "grpc_metrics_gateway_tunnel_id" {
  description = "The tunnel's id, once its connector is up. null when the tunnel is off."
  value       = one(cloudflare_zero_trust_tunnel_cloudflared.gateway[*].id)
  # A VPC service can be created only for a tunnel whose connector has reported its version.
  depends_on = [kubernetes_deployment_v1.cloudflared]
}

output "grpc_metrics_gateway_tunnel_virtual_network_id" {
  description = "Id of the tunnel's virtual network. null when the tunnel is off."
  value       = one(cloudflare_zero_trust_tunnel_cloudflared_virtual_network.gateway[*].id)
}

output "grpc_metrics_gateway_tunnel_virtual_network_name" {
  description = "Name of the tunnel's virtual network. null when the tunnel is off."
  value       = one(cloudflare_zero_trust_tunnel_cloudflared_virtual_network.gateway[*].name)
}

output "workload" {
  description = "The connector as <namespace>/deployment/<name>. null when the tunnel is off."
  value       = local.count == 0 ? null : "${local.namespace}/deployment/${local.app}"
}

output "gateway_url" {
  description = "Path B: the URL of the routed address, for GATEWAY_URL. null without a route."
  value = local.count == 0 || local.route_network == null ? null : format(
    strcontains(local.route_network, ":") ? "http://[%s]:%d" : "http://%s:%d",
    split("/", local.route_network)[0], var.gateway_port,
  )
}
