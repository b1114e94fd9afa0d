output "metrics_gateway_worker_script_name" {
  description = "Exact name of the deployed script: what callers bind, and what the Logpush job filters on. null when the Worker is off."
  value       = one(cloudflare_workers_script.metrics_gateway_worker[*].script_name)
}

output "entrypoint" {
  description = "The entrypoint callers name in their service binding."
  value       = "MetricsReporter"
}

output "tag" {
  description = "The version's tag in the Cloudflare dashboard: a digest of all parts. null when the Worker is off."
  value       = one(cloudflare_workers_script.metrics_gateway_worker[*].annotations.workers_tag)
}

output "parts" {
  description = "SHA-256 of each uploaded part, by part name. null when the Worker is off."
  value = var.enable_metrics_gateway_cloudflare_worker ? {
    "index.js"      = filesha256(local.javascript)
    "index_bg.wasm" = filesha256(local.wasm)
  } : null
}
