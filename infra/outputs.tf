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

output "cloudflare_logpush_job_names" {
  description = "cloudflare_logpush_job_names with this stack's job: what the log pipeline's stack sets."
  value       = local.logpush_job_names
}

output "log_pipeline" {
  description = "What the log pipeline's parts take for all those jobs: the prefixes of the converter's S3 events; one text for compaction's --worker_names and the dashboard's variable."
  value = {
    converter_prefixes = [for name in local.logpush_job_names : "${name}/"]
    worker_names       = join(",", local.logpush_job_names)
  }
}

output "kubernetes_workloads" {
  description = "What this stack runs in the cluster, as <namespace>/<kind>/<name>. scripts/deploy.sh waits until each is rolled out."
  value       = compact([module.gateway.workload, module.tunnel.workload])

  precondition {
    condition     = try(length(var.kubeconfig_context), 0) > 0 || !(var.enable_grpc_metrics_gateway_tunnel || var.enable_grpc_metrics_gateway)
    error_message = "kubeconfig_context must name the cluster's context: something in the cluster is managed, and the current context may be another cluster."
  }
}

output "caller_binding" {
  description = "What a calling Worker needs: see modules/caller-binding."
  value       = module.caller_binding
}

output "access_service_token_expires_at" {
  description = "When the Access service token stops being accepted. null when it is off."
  value       = module.access_service_token.expires_at
}
