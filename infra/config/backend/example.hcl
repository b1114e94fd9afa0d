# Copy to <env>.hcl (or <cell>-<env>.hcl): where that environment's state is kept. The key must name it, since two
# environments must not share a state. Needs OpenTofu or Terraform 1.10 for use_lockfile.
bucket       = "example-tofu-state"
key          = "metrics-gateway-worker/<env>.tfstate"
region       = "us-east-1"
encrypt      = true
use_lockfile = true
