locals {
  script_name = "${var.cell}-${var.env}-metrics-gateway-worker"

  # The JavaScript imports the parts by these names, so the names are fixed.
  javascript = "${var.build_dir}/index.js"
  wasm       = "${var.build_dir}/index_bg.wasm"

  gateway_binding = {
    vpc_service = { name = "METRICS_GATEWAY", type = "vpc_service", service_id = var.metrics_gateway_worker_vpc_service_id, tunnel_id = null, network_id = null, text = null }
    vpc_network = { name = "METRICS_GATEWAY", type = "vpc_network", service_id = null, tunnel_id = var.vpc_network_tunnel_id, network_id = var.vpc_network_id, text = null }
  }[var.gateway_binding]

  secrets = var.enable_access_service_token ? {
    ACCESS_CLIENT_ID     = var.access_client_id
    ACCESS_CLIENT_SECRET = var.access_client_secret
  } : {}

  bindings = merge(
    { METRICS_GATEWAY = local.gateway_binding },
    { for name, text in var.settings : name => { name = name, type = "plain_text", service_id = null, tunnel_id = null, network_id = null, text = text } },
    { for name, text in local.secrets : name => { name = name, type = "secret_text", service_id = null, tunnel_id = null, network_id = null, text = text } },
  )
}

resource "cloudflare_workers_script" "metrics_gateway_worker" {
  count = var.enable_metrics_gateway_cloudflare_worker ? 1 : 0

  account_id  = var.account_id
  script_name = local.script_name

  main_module    = "index.js"
  content_file   = local.javascript
  content_sha256 = filesha256(local.javascript)
  files = {
    "index_bg.wasm" = {
      content_file = local.wasm
      content_type = "application/wasm"
    }
  }

  compatibility_date  = var.compatibility_date
  compatibility_flags = []

  # Sorted by name, like the API's answer: any other order shows a difference in every plan.
  bindings = values(local.bindings)

  # The tag covers both parts. content_sha256 covers only index.js, so without the tag a changed Wasm might
  # not change the plan.
  annotations = {
    workers_tag     = substr(sha256("${filesha256(local.javascript)} ${filesha256(local.wasm)}"), 0, 25)
    workers_message = var.revision == null ? null : "git ${var.revision}"
  }
  limits = var.cpu_ms == null ? null : { cpu_ms = var.cpu_ms }

  # Logs go only to Logpush: in-dashboard logs are billed and sampled separately.
  logpush       = true
  observability = { enabled = false }

  lifecycle {
    precondition {
      condition     = var.gateway_binding != "vpc_service" || var.metrics_gateway_worker_vpc_service_id != null
      error_message = "Path A needs a VPC service: set metrics_gateway_worker_vpc_service_id, or let the vpc-service module create one (enable_grpc_metrics_gateway_tunnel = true)."
    }
    precondition {
      condition     = var.gateway_binding != "vpc_network" || (var.vpc_network_tunnel_id == null) != (var.vpc_network_id == null)
      error_message = "Path B needs exactly one of vpc_network_tunnel_id and vpc_network_id."
    }
    precondition {
      condition     = var.gateway_binding != "vpc_network" || contains(keys(var.settings), "GATEWAY_URL")
      error_message = "Path B needs the gateway's address in settings, such as GATEWAY_URL = \"http://10.0.0.7:8080\": a vpc_network binding goes where the URL says."
    }
    precondition {
      condition     = !var.enable_access_service_token || nonsensitive(var.access_client_id != null && var.access_client_secret != null)
      error_message = "enable_access_service_token needs both access_client_id and access_client_secret."
    }
    precondition {
      condition     = strcontains(file(local.javascript), "MetricsReporter") && strcontains(file(local.javascript), "./index_bg.wasm")
      error_message = "${local.javascript} is not the built Worker: it must export MetricsReporter and import ./index_bg.wasm. Run `make build`."
    }
    precondition {
      # "\0asm", version 1, in base64.
      condition     = startswith(filebase64(local.wasm), "AGFzbQEAAA")
      error_message = "${local.wasm} is not a WebAssembly module. Run `make build`."
    }
  }
}

# Reachable only over service bindings: no workers.dev address, also not for versions.
resource "cloudflare_workers_script_subdomain" "metrics_gateway_worker" {
  count = var.enable_metrics_gateway_cloudflare_worker ? 1 : 0

  account_id       = var.account_id
  script_name      = cloudflare_workers_script.metrics_gateway_worker[0].script_name
  enabled          = false
  previews_enabled = false
}
