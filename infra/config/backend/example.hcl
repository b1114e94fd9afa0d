# Copy to <env>.hcl: where that environment's state is kept. Needs OpenTofu or Terraform 1.10 for use_lockfile.
bucket       = "example-tofu-state"
key          = "metrics-gateway-worker/dev.tfstate"
region       = "us-east-1"
encrypt      = true
use_lockfile = true
