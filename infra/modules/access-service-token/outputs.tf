output "client_id" {
  description = "For the Worker's secret ACCESS_CLIENT_ID. null when it is off."
  value       = one(cloudflare_zero_trust_access_service_token.worker[*].client_id)
  sensitive   = true
}

output "client_secret" {
  description = "For the Worker's secret ACCESS_CLIENT_SECRET. null when it is off."
  value       = one(cloudflare_zero_trust_access_service_token.worker[*].client_secret)
  sensitive   = true
}

output "expires_at" {
  description = "When the token stops being accepted. null when it is off."
  value       = one(cloudflare_zero_trust_access_service_token.worker[*].expires_at)
}

output "policy_id" {
  description = "Access policy that lets this token through, to attach to an application of your own. null when it is off."
  value       = one(cloudflare_zero_trust_access_policy.worker[*].id)
}
