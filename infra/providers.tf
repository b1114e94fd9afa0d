# Credentials come from CLOUDFLARE_API_TOKEN; docs/runbook.md lists the permissions it needs.
provider "cloudflare" {}

provider "kubernetes" {
  config_path    = var.kubeconfig_path
  config_context = var.kubeconfig_context
}

# Used only for the logs' bucket. Without Logpush no AWS account is needed, so then nothing is looked up in one.
provider "aws" {
  region = var.logpush_region

  access_key                  = var.enable_metrics_gateway_worker_logpush ? null : "unused"
  secret_key                  = var.enable_metrics_gateway_worker_logpush ? null : "unused"
  skip_credentials_validation = !var.enable_metrics_gateway_worker_logpush
  skip_requesting_account_id  = !var.enable_metrics_gateway_worker_logpush
  skip_metadata_api_check     = !var.enable_metrics_gateway_worker_logpush
}
