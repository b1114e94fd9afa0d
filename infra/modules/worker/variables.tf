variable "enable_metrics_gateway_cloudflare_worker" {
  description = "Whether the Worker exists at all. false removes it, and with it the binding to the gateway."
  type        = bool
  default     = true
  nullable    = false
}

variable "account_id" {
  description = "Cloudflare account that owns the Worker."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.account_id))
    error_message = "account_id must be 32 lower-case hexadecimal digits, as the Cloudflare dashboard shows it."
  }
}

variable "cell" {
  description = "First part of the script name, <cell>-<env>-metrics-gateway-worker."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$", var.cell))
    error_message = "cell must be 1 to 20 lower-case letters, digits and hyphens, with no hyphen at either end."
  }
}

variable "env" {
  description = "Second part of the script name, <cell>-<env>-metrics-gateway-worker."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$", var.env))
    error_message = "env must be 1 to 20 lower-case letters, digits and hyphens, with no hyphen at either end."
  }
}

variable "build_dir" {
  description = "Folder that `make build` filled: index.js and index_bg.wasm, uploaded as they are."
  type        = string
}

variable "compatibility_date" {
  description = "Workers runtime behaviour to run under. The date the tests of this repository run under is in wrangler.toml."
  type        = string
  default     = "2026-10-23"
  nullable    = false

  validation {
    condition     = can(regex("^20[0-9]{2}-[01][0-9]-[0-3][0-9]$", var.compatibility_date)) && try(timecmp("${var.compatibility_date}T00:00:00Z", "2024-04-03T00:00:00Z"), -1) >= 0
    error_message = "compatibility_date must be a date such as 2026-10-23, and 2024-04-03 or later: RPC needs that."
  }
}

variable "gateway_binding" {
  description = <<-EOT
    How the Worker reaches the gateway. "vpc_service" (Path A): one service, whatever URL the Worker asks for.
    "vpc_network" (Path B): everything behind the tunnel or in the network, and the Worker's GATEWAY_URL picks.
  EOT
  type        = string
  default     = "vpc_service"
  nullable    = false

  validation {
    condition     = contains(["vpc_service", "vpc_network"], var.gateway_binding)
    error_message = "gateway_binding must be \"vpc_service\" (Path A) or \"vpc_network\" (Path B)."
  }
}

variable "metrics_gateway_worker_vpc_service_id" {
  description = "Path A: id of the VPC service, from the vpc-service module or made by hand."
  type        = string
  default     = null

  validation {
    condition     = var.metrics_gateway_worker_vpc_service_id == null || can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.metrics_gateway_worker_vpc_service_id))
    error_message = "metrics_gateway_worker_vpc_service_id must be a UUID such as 0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b (the service's id, not its name or the tunnel's id)."
  }
}

variable "vpc_network_tunnel_id" {
  description = "Path B: bind to everything behind this tunnel. Give this or vpc_network_id."
  type        = string
  default     = null
}

variable "vpc_network_id" {
  description = "Path B: bind to a whole network, such as \"cf1:network\". Give this or vpc_network_tunnel_id."
  type        = string
  default     = null
}

variable "settings" {
  description = <<-EOT
    The Worker's vars, by their own names, e.g. { FLUSH_INTERVAL_MS = 500, GATEWAY_DEDUPES = true }.
    A var that is not given is not bound, and the Worker's own default holds.
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  # A map and not an object: an object would silently drop a misspelt name.
  validation {
    condition = length(setsubtract(keys(var.settings), [
      "FLUSH_INTERVAL_MS", "GATEWAY_DEDUPES", "GATEWAY_URL", "MAX_BATCH_SAMPLES", "MAX_BUFFERED_SAMPLES",
      "MAX_SERIES_PER_METRIC", "PUSH_TIMEOUT_MS", "REJECT_INVALID", "SELF_METRICS",
    ])) == 0
    error_message = "settings has a name the Worker does not know. It knows FLUSH_INTERVAL_MS, GATEWAY_DEDUPES, GATEWAY_URL, MAX_BATCH_SAMPLES, MAX_BUFFERED_SAMPLES, MAX_SERIES_PER_METRIC, PUSH_TIMEOUT_MS, REJECT_INVALID and SELF_METRICS."
  }

  # The Worker itself uses the default for a value out of range, and reports it only in its log.
  validation {
    condition = alltrue([
      for name, range in {
        FLUSH_INTERVAL_MS     = [0, 10000]
        MAX_BATCH_SAMPLES     = [1, 10000]
        MAX_BUFFERED_SAMPLES  = [1, 100000]
        MAX_SERIES_PER_METRIC = [1, 100000]
        PUSH_TIMEOUT_MS       = [1, 20000]
      } :
      can(regex("^[0-9]+$", lookup(var.settings, name, range[0]))) &&
      try(tonumber(lookup(var.settings, name, range[0])) >= range[0] && tonumber(lookup(var.settings, name, range[0])) <= range[1], false)
    ])
    error_message = "settings must be whole numbers: FLUSH_INTERVAL_MS 0 to 10000, MAX_BATCH_SAMPLES 1 to 10000, MAX_BUFFERED_SAMPLES 1 to 100000, MAX_SERIES_PER_METRIC 1 to 100000, PUSH_TIMEOUT_MS 1 to 20000."
  }

  validation {
    condition = alltrue([
      for name in ["GATEWAY_DEDUPES", "REJECT_INVALID", "SELF_METRICS"] :
      contains(["true", "false"], lookup(var.settings, name, "true"))
    ])
    error_message = "GATEWAY_DEDUPES, REJECT_INVALID and SELF_METRICS must be true or false."
  }

  validation {
    condition     = can(regex("^https?://[A-Za-z0-9._:\\[\\]-]+/?$", lookup(var.settings, "GATEWAY_URL", "http://gateway")))
    error_message = "GATEWAY_URL must be scheme, host and port only, such as http://10.0.0.7:8080: the Worker adds the RPC's path."
  }
}

variable "enable_access_service_token" {
  description = "Whether to bind the secrets ACCESS_CLIENT_ID and ACCESS_CLIENT_SECRET, which the Worker then sends with each push."
  type        = bool
  default     = false
  nullable    = false
}

variable "access_client_id" {
  description = "Client id of the Cloudflare Access service token."
  type        = string
  default     = null
  sensitive   = true
}

variable "access_client_secret" {
  description = "Client secret of the Cloudflare Access service token."
  type        = string
  default     = null
  sensitive   = true
}

variable "cpu_ms" {
  description = "Most CPU time one invocation may use, in ms; null leaves the plan's default. A flood of samples then costs this much and no more."
  type        = number
  default     = null

  validation {
    condition     = var.cpu_ms == null || try(var.cpu_ms >= 10 && var.cpu_ms <= 300000 && floor(var.cpu_ms) == var.cpu_ms, false)
    error_message = "cpu_ms must be a whole number from 10 to 300000."
  }
}

variable "revision" {
  description = "Git revision of the build, shown with the version in the Cloudflare dashboard. scripts/deploy.sh sets it."
  type        = string
  default     = null
}
