locals {
  name        = "${var.cell}-${var.env}-grpc-metrics-gateway"
  worker_name = "${var.cell}-${var.env}-metrics-gateway-worker"
  path_b      = var.metrics_gateway_worker_gateway_binding == "vpc_network"
  build_dir   = coalesce(var.metrics_gateway_worker_build_dir, "${path.root}/../dist")

  logpush = var.enable_metrics_gateway_worker_logpush && var.enable_metrics_gateway_cloudflare_worker

  # With this stack's job appended, if there is one.
  logpush_job_names = distinct(compact(concat(var.cloudflare_logpush_job_names, [module.logpush.job_name])))

  # Path B connects to the URL, so the routed address is the URL's unless the settings name another.
  settings = merge(
    local.path_b && module.tunnel.gateway_url != null ? { GATEWAY_URL = module.tunnel.gateway_url } : {},
    var.metrics_gateway_worker_settings,
  )
}

module "gateway" {
  source = "./modules/gateway"

  enable_grpc_metrics_gateway = var.enable_grpc_metrics_gateway
  name                        = var.grpc_metrics_gateway_service_name
  namespace                   = var.grpc_metrics_gateway_namespace
  create_namespace            = var.grpc_metrics_gateway_create_namespace
  cell                        = var.cell
  image                       = var.grpc_metrics_gateway_image
  replicas                    = var.grpc_metrics_gateway_replicas
  gateway_dedupes             = lookup(var.metrics_gateway_worker_settings, "GATEWAY_DEDUPES", "false") == "true"
  port                        = var.grpc_metrics_gateway_port
  extra_args                  = var.grpc_metrics_gateway_extra_args
  prometheus_namespace        = var.prometheus_namespace
  prometheus_labels           = var.prometheus_labels
  enable_network_policy       = var.enable_grpc_metrics_gateway_network_policy
}

module "tunnel" {
  source = "./modules/tunnel"

  account_id                                = var.account_id
  name                                      = local.name
  enable_grpc_metrics_gateway_tunnel        = var.enable_grpc_metrics_gateway_tunnel
  grpc_metrics_gateway_tunnel_replicas      = var.grpc_metrics_gateway_tunnel_replicas
  grpc_metrics_gateway_tunnel_route_network = var.grpc_metrics_gateway_tunnel_route_network
  cloudflared_image                         = var.cloudflared_image
  cloudflared_image_digest                  = var.cloudflared_image_digest
  namespace                                 = module.gateway.namespace
  cell                                      = var.cell
  gateway_port                              = var.grpc_metrics_gateway_port
  gateway_pod_port                          = var.grpc_metrics_gateway_pod_port
  enable_network_policy                     = var.enable_cloudflared_network_policy
}

module "vpc_service" {
  source = "./modules/vpc-service"

  account_id                            = var.account_id
  name                                  = local.name
  enable                                = var.enable_grpc_metrics_gateway_tunnel && !local.path_b
  metrics_gateway_worker_vpc_service_id = var.metrics_gateway_worker_vpc_service_id
  tunnel_id                             = module.tunnel.grpc_metrics_gateway_tunnel_id
  gateway_hostname                      = coalesce(var.grpc_metrics_gateway_hostname, module.gateway.hostname)
  gateway_port                          = var.grpc_metrics_gateway_port
}

module "access_service_token" {
  source = "./modules/access-service-token"

  enable                     = var.enable_access_service_token
  account_id                 = var.account_id
  name                       = local.worker_name
  protect_hostname           = var.access_protect_hostname
  secret_version             = var.access_secret_version
  previous_secret_expires_at = var.access_previous_secret_expires_at
}

module "worker" {
  source = "./modules/worker"

  enable_metrics_gateway_cloudflare_worker = var.enable_metrics_gateway_cloudflare_worker
  account_id                               = var.account_id
  cell                                     = var.cell
  env                                      = var.env
  build_dir                                = local.build_dir
  gateway_binding                          = var.metrics_gateway_worker_gateway_binding
  metrics_gateway_worker_vpc_service_id    = local.path_b ? null : module.vpc_service.service_id
  vpc_network_tunnel_id                    = local.path_b && var.metrics_gateway_worker_vpc_network_id == null ? module.tunnel.grpc_metrics_gateway_tunnel_id : null
  vpc_network_id                           = local.path_b ? var.metrics_gateway_worker_vpc_network_id : null
  settings                                 = local.settings
  cpu_ms                                   = var.metrics_gateway_worker_cpu_ms
  revision                                 = var.revision
  enable_access_service_token              = var.enable_access_service_token
  access_client_id                         = module.access_service_token.client_id
  access_client_secret                     = module.access_service_token.client_secret
}

module "logpush" {
  source = "./modules/logpush"

  enable             = local.logpush
  account_id         = var.account_id
  script_name        = local.worker_name
  other_script_names = var.logpush_other_worker_names
  job_name           = var.logpush_job_name
  bucket             = var.logpush_bucket
  region             = var.logpush_region
  create_bucket      = var.logpush_create_bucket
  remove_bucket      = var.logpush_remove_bucket
  sample_rate        = var.logpush_sample_rate
  ownership_token    = var.logpush_ownership_token
  ownership_proven   = var.logpush_ownership_proven
}

check "the_log_pipeline_knows_the_job" {
  assert {
    condition = (
      !var.enable_cloudflare_log_analytics || !local.logpush ||
      contains(var.cloudflare_logpush_job_names, coalesce(module.logpush.job_name, "none"))
    )
    error_message = "Logs arrive in S3, and neither in Parquet nor in Grafana, until the job's name is in cloudflare_logpush_job_names of the log pipeline: the output cloudflare_logpush_job_names has the list with it."
  }
}

module "caller_binding" {
  source = "./modules/caller-binding"

  script_name = local.worker_name
}
