output "metrics_gateway_worker_script_name" {
  description = "Exact name of the deployed script. null when the Worker is off."
  value       = module.worker.metrics_gateway_worker_script_name
}

output "metrics_gateway_worker_parts" {
  description = "SHA-256 of each uploaded part. null when the Worker is off."
  value       = module.worker.parts
}

output "metrics_gateway_worker_vpc_service_id" {
  description = "Id of the VPC service the Worker is bound to. null on Path B."
  value       = module.vpc_service.service_id
}

output "grpc_metrics_gateway_hostname" {
  description = "The gateway's name inside the cluster, which the VPC service leads to."
  value       = coalesce(var.grpc_metrics_gateway_hostname, module.gateway.hostname)
}

output "grpc_metrics_gateway_tunnel_id" {
  description = "Id of the tunnel. null when it is off."
  value       = module.tunnel.grpc_metrics_gateway_tunnel_id
}

output "grpc_metrics_gateway_tunnel_virtual_network_id" {
  description = "Id of the tunnel's virtual network. null when it is off."
  value       = module.tunnel.grpc_metrics_gateway_tunnel_virtual_network_id
}

output "grpc_metrics_gateway_tunnel_virtual_network_name" {
  description = "Name of the tunnel's virtual network. null when it is off."
  value       = module.tunnel.grpc_metrics_gateway_tunnel_virtual_network_name
}

output "logpush_job_name" {
  description = "Name of the Logpush job, to append to cloudflare_logpush_job_names of the log pipeline. null when it is off."
  value       = module.logpush.job_name
}

output "logpush_bucket_policy_json" {
  description = "Policy with which the bucket lets Logpush write."
  value       = module.logpush.bucket_policy_json
}

output "caller_binding" {
  description = "What a calling Worker needs: see modules/caller-binding."
  value       = module.caller_binding
}

output "access_service_token_expires_at" {
  description = "When the Access service token stops being accepted. null when it is off."
  value       = module.access_service_token.expires_at
}
