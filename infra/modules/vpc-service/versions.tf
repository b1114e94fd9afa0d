terraform {
  required_version = ">= 1.6.0"

  required_providers {
    cloudflare = {
      source = "cloudflare/cloudflare"
      # cloudflare_connectivity_directory_service came with 5.13.0; one floor for all modules.
      version = ">= 5.25.0, < 6.0.0"
    }
  }
}
