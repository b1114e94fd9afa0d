output "job_name" {
  description = "Name of the job and prefix in the bucket, e.g. to append to cloudflare_logpush_job_names where a pipeline lists them. null when it is off."
  value       = var.enable ? local.job_name : null
}

output "bucket_policy_json" {
  description = "Policy with which the bucket lets Logpush write: for the bucket's owner to merge when create_bucket is false."
  value       = jsonencode(local.bucket_policy)
}
