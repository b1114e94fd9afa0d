output "service_id" {
  description = "Id to bind: metrics_gateway_worker_vpc_service_id when it was given, else the created service's. null when there is neither."
  value       = var.metrics_gateway_worker_vpc_service_id != null ? var.metrics_gateway_worker_vpc_service_id : one(cloudflare_connectivity_directory_service.gateway[*].service_id)
}

output "created" {
  description = "Whether this module made the service (and so removes it again)."
  value       = length(cloudflare_connectivity_directory_service.gateway) == 1
}

output "hostname" {
  description = "The name the created service leads to. null when none was created."
  value       = one(cloudflare_connectivity_directory_service.gateway[*].host.hostname)
}
