terraform {
  required_version = ">= 1.6.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0.0, < 7.0.0"
    }
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = ">= 5.25.0, < 6.0.0"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.35.0, < 4.0.0"
    }
  }

  # One state for each environment: config/backend/<env>.hcl names the place. The state contains the tunnel's
  # token, so the bucket must be private and encrypted.
  backend "s3" {}
}
