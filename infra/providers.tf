# Credentials come from CLOUDFLARE_API_TOKEN; docs/runbook.md lists the permissions it needs.
provider "cloudflare" {}

provider "kubernetes" {
  config_path = var.kubeconfig_path
  # Never the current context: if no context is named, no cluster is found.
  config_context = coalesce(var.kubeconfig_context, "kubeconfig_context-is-not-set")
}

# AWS holds the logs' bucket, if it was created here, and the challenge that proves its owner. Without them no
# AWS account is needed or queried.
locals {
  aws = (
    var.logpush_create_bucket || var.logpush_remove_bucket ||
    (local.logpush && !var.logpush_ownership_proven && nonsensitive(var.logpush_ownership_token == null))
  )
}

provider "aws" {
  region = var.logpush_region

  access_key                  = local.aws ? null : "unused"
  secret_key                  = local.aws ? null : "unused"
  skip_credentials_validation = !local.aws
  skip_requesting_account_id  = !local.aws
  skip_metadata_api_check     = !local.aws
}
