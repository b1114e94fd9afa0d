output "hostname" {
  description = "The Service's name inside the cluster, whether this module makes it or another stack."
  value       = "${var.name}.${var.namespace}.svc.cluster.local"
}

output "namespace" {
  description = "The gateway's namespace, once it exists."
  value       = local.namespace
}

output "workload" {
  description = "The gateway as <namespace>/statefulset/<name>. null when another stack makes it."
  value       = var.enable_grpc_metrics_gateway ? "${local.namespace}/statefulset/${var.name}" : null
}

output "enabled" {
  description = "Whether this module makes the gateway."
  value       = var.enable_grpc_metrics_gateway
}

output "gateway_dedupes" {
  description = "Whether the Worker repeats pushes of unknown outcome: then there is one pod."
  value       = var.gateway_dedupes
}
