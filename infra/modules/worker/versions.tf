terraform {
  required_version = ">= 1.6.0"

  required_providers {
    cloudflare = {
      source = "cloudflare/cloudflare"
      # 5.25.0 is the first version whose cloudflare_workers_script can carry a Wasm module (`files`).
      version = ">= 5.25.0, < 6.0.0"
    }
  }
}
