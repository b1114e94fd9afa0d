mock_provider "cloudflare" {
  mock_resource "cloudflare_zero_trust_tunnel_cloudflared" {
    defaults = {
      id = "6f0a2b1c-1111-4222-8333-444455556666"
    }
  }
  mock_resource "cloudflare_zero_trust_tunnel_cloudflared_virtual_network" {
    defaults = {
      id = "7a0a2b1c-1111-4222-8333-444455556666"
    }
  }
  mock_resource "cloudflare_connectivity_directory_service" {
    defaults = {
      service_id = "0196a1b2-0000-7000-8000-00000000c0de"
    }
  }
  mock_resource "cloudflare_zero_trust_access_service_token" {
    defaults = {
      id            = "11112222-3333-4444-8555-666677778888"
      client_id     = "abc.access"
      client_secret = "s3cret"
      expires_at    = "2027-11-23T00:00:00Z"
    }
  }
  mock_resource "cloudflare_logpush_ownership_challenge" {
    defaults = {
      filename = "a/b/ownership-challenge.txt"
    }
  }
  mock_data "cloudflare_zero_trust_tunnel_cloudflared_token" {
    defaults = {
      token = "a-token"
    }
  }
}

mock_provider "kubernetes" {}

mock_provider "aws" {
  mock_data "aws_s3_object" {
    defaults = {
      body = "a-challenge-token"
    }
  }
}

variables {
  account_id                               = "0123456789abcdef0123456789abcdef"
  cell                                     = "cell1"
  env                                      = "dev"
  metrics_gateway_worker_build_dir         = "./modules/worker/tests/fixture"
  enable_grpc_metrics_gateway_tunnel       = true
  enable_metrics_gateway_cloudflare_worker = true
  kubeconfig_context                       = "cell1-dev"
}

run "path_a_needs_nothing_by_hand" {
  command = apply

  assert {
    condition     = output.metrics_gateway_worker_script_name == "cell1-dev-metrics-gateway-worker"
    error_message = "the script must be <cell>-<env>-metrics-gateway-worker"
  }
  assert {
    condition     = output.metrics_gateway_worker_vpc_service_id == "0196a1b2-0000-7000-8000-00000000c0de"
    error_message = "the VPC service must be created, and its service_id bound"
  }
  assert {
    condition     = output.grpc_metrics_gateway_tunnel_id == "6f0a2b1c-1111-4222-8333-444455556666" && output.grpc_metrics_gateway_tunnel_virtual_network_id == "7a0a2b1c-1111-4222-8333-444455556666" && output.grpc_metrics_gateway_tunnel_virtual_network_name == "cell1-dev-grpc-metrics-gateway"
    error_message = "the tunnel's outputs must have the names and values the runbook uses"
  }
  assert {
    condition     = output.caller_binding.binding.service == "cell1-dev-metrics-gateway-worker"
    error_message = "callers must be told the script's name"
  }
  assert {
    condition     = output.logpush_job_name == null && output.access_service_token_expires_at == null
    error_message = "Logpush and the Access token must be off unless asked for"
  }
}

run "a_service_made_elsewhere_overrides" {
  command = apply
  variables {
    metrics_gateway_worker_vpc_service_id = "0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
  }

  assert {
    condition     = output.metrics_gateway_worker_vpc_service_id == "0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
    error_message = "the id of the tfvars must win over creating a service"
  }
}

run "a_service_made_elsewhere_needs_no_tunnel_here" {
  command = plan
  variables {
    enable_grpc_metrics_gateway_tunnel    = false
    metrics_gateway_worker_vpc_service_id = "0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
  }

  assert {
    condition     = output.metrics_gateway_worker_vpc_service_id == "0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b" && output.grpc_metrics_gateway_tunnel_id == null
    error_message = "the Worker must be deployable where another stack owns the tunnel"
  }
}

run "path_b_binds_the_tunnel_and_the_routed_address" {
  command = apply
  variables {
    metrics_gateway_worker_gateway_binding    = "vpc_network"
    grpc_metrics_gateway_tunnel_route_network = "10.100.3.7/32"
  }

  assert {
    condition     = output.metrics_gateway_worker_vpc_service_id == null
    error_message = "Path B must make no VPC service"
  }
  assert {
    condition     = local.settings.GATEWAY_URL == "http://10.100.3.7:8080"
    error_message = "GATEWAY_URL must be the routed address"
  }
}

run "path_b_takes_another_url" {
  command = apply
  variables {
    metrics_gateway_worker_gateway_binding = "vpc_network"
    metrics_gateway_worker_vpc_network_id  = "cf1:network"
    metrics_gateway_worker_settings        = { GATEWAY_URL = "http://grpc-metrics-gateway.metrics-gateway.svc.cluster.local:8080" }
  }

  assert {
    condition     = local.settings.GATEWAY_URL == "http://grpc-metrics-gateway.metrics-gateway.svc.cluster.local:8080"
    error_message = "a GATEWAY_URL of the tfvars must win"
  }
}

run "the_tunnel_alone_can_be_on" {
  command = apply
  variables {
    enable_metrics_gateway_cloudflare_worker = false
    metrics_gateway_worker_build_dir         = "./no-build-needed"
  }

  assert {
    condition     = output.metrics_gateway_worker_script_name == null && output.metrics_gateway_worker_parts == null && output.grpc_metrics_gateway_tunnel_id != null
    error_message = "the Worker must be off, the tunnel on"
  }
}

run "all_off_leaves_nothing" {
  command = plan
  variables {
    enable_grpc_metrics_gateway_tunnel       = false
    enable_metrics_gateway_cloudflare_worker = false
    enable_metrics_gateway_worker_logpush    = true
    metrics_gateway_worker_build_dir         = "./no-build-needed"
  }

  assert {
    condition     = output.metrics_gateway_worker_script_name == null && output.grpc_metrics_gateway_tunnel_id == null && output.metrics_gateway_worker_vpc_service_id == null && output.logpush_job_name == null
    error_message = "both flags off must remove the Worker, the tunnel, the VPC service and the Logpush job"
  }
}

run "logpush_is_named_after_the_script" {
  command = plan
  variables {
    enable_metrics_gateway_worker_logpush = true
    logpush_bucket                        = "example-logs"
  }

  assert {
    condition     = output.logpush_job_name == "cell1-dev-metrics-gateway-worker-logs"
    error_message = "the job must be <script>-logs"
  }
}

run "what_is_in_a_cluster_needs_its_context" {
  command = plan
  variables {
    kubeconfig_context = null
  }
  expect_failures = [output.kubernetes_workloads]
}

run "a_worker_alone_needs_no_cluster" {
  command = plan
  variables {
    enable_grpc_metrics_gateway_tunnel    = false
    metrics_gateway_worker_vpc_service_id = "0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
    kubeconfig_context                    = null
  }

  assert {
    condition     = length(output.kubernetes_workloads) == 0
    error_message = "nothing is in a cluster"
  }
}

run "every_workload_is_waited_for" {
  command = plan
  variables {
    enable_grpc_metrics_gateway = true
  }

  assert {
    condition     = output.kubernetes_workloads == tolist(["metrics-gateway/statefulset/grpc-metrics-gateway", "metrics-gateway/deployment/cloudflared-cell1-dev-grpc-metrics-gateway"])
    error_message = "gateway and connector must be named"
  }
}

# AWS credentials are looked up only where AWS has something, and wherever it has.
run "no_aws_account_without_logs" {
  command = plan

  assert {
    condition     = !local.aws
    error_message = "no credentials may be needed"
  }
}

run "the_bucket_stays_when_the_worker_goes" {
  command = plan
  variables {
    enable_metrics_gateway_cloudflare_worker = false
    enable_metrics_gateway_worker_logpush    = true
    logpush_bucket                           = "example-logs"
    logpush_create_bucket                    = true
  }

  assert {
    condition     = local.aws && output.logpush_job_name == null && jsondecode(output.logpush_bucket_policy_json).Statement[0].Effect == "Allow"
    error_message = "without the Worker the bucket must stay, and credentials be looked up to look after it"
  }
}

run "letting_go_of_the_bucket_needs_credentials" {
  command = plan
  variables {
    logpush_remove_bucket = true
  }

  assert {
    condition     = local.aws
    error_message = "credentials must be looked up to delete the bucket"
  }
}

run "a_proven_foreign_bucket_needs_no_credentials" {
  command = plan
  variables {
    enable_metrics_gateway_worker_logpush = true
    logpush_bucket                        = "example-logs"
    logpush_ownership_proven              = true
  }

  assert {
    condition     = !local.aws
    error_message = "nothing at AWS is read or managed"
  }
}

run "the_job_is_appended_for_the_log_pipeline" {
  command = plan
  variables {
    enable_metrics_gateway_worker_logpush = true
    logpush_bucket                        = "example-logs"
    cloudflare_logpush_job_names          = ["cell1-dev-global-worker-logs"]
  }

  assert {
    condition     = output.cloudflare_logpush_job_names == tolist(["cell1-dev-global-worker-logs", "cell1-dev-metrics-gateway-worker-logs"])
    error_message = "the list must have this stack's job, after those it was given"
  }
  assert {
    condition     = output.log_pipeline.converter_prefixes == ["cell1-dev-global-worker-logs/", "cell1-dev-metrics-gateway-worker-logs/"] && output.log_pipeline.worker_names == "cell1-dev-global-worker-logs,cell1-dev-metrics-gateway-worker-logs"
    error_message = "converter, compaction and dashboard must be told of every job"
  }
}

run "a_pipeline_that_does_not_know_the_job_is_a_warning" {
  command = plan
  variables {
    enable_metrics_gateway_worker_logpush = true
    logpush_bucket                        = "example-logs"
    enable_cloudflare_log_analytics       = true
    cloudflare_logpush_job_names          = ["cell1-dev-global-worker-logs"]
  }
  expect_failures = [check.the_log_pipeline_knows_the_job]
}

run "a_pipeline_that_knows_it_is_none" {
  command = plan
  variables {
    enable_metrics_gateway_worker_logpush = true
    logpush_bucket                        = "example-logs"
    enable_cloudflare_log_analytics       = true
    cloudflare_logpush_job_names          = ["cell1-dev-metrics-gateway-worker-logs"]
  }

  assert {
    condition     = output.cloudflare_logpush_job_names == tolist(["cell1-dev-metrics-gateway-worker-logs"])
    error_message = "no name may be there twice"
  }
}

run "the_access_token_reaches_the_worker" {
  command = apply
  variables {
    enable_access_service_token = true
  }

  assert {
    condition     = output.access_service_token_expires_at == "2027-11-23T00:00:00Z"
    error_message = "the token must exist, and its expiry be an output"
  }
}

run "the_vpc_service_follows_the_namespace" {
  command = apply
  variables {
    grpc_metrics_gateway_namespace    = "cell2-metrics"
    grpc_metrics_gateway_service_name = "gateway"
  }

  assert {
    condition     = output.grpc_metrics_gateway_hostname == "gateway.cell2-metrics.svc.cluster.local" && module.vpc_service.hostname == "gateway.cell2-metrics.svc.cluster.local"
    error_message = "the VPC service must lead to the gateway of the given namespace, not to the default one's"
  }
}

run "a_given_hostname_wins" {
  command = apply
  variables {
    grpc_metrics_gateway_namespace = "cell2-metrics"
    grpc_metrics_gateway_hostname  = "gateway.elsewhere.internal"
  }

  assert {
    condition     = module.vpc_service.hostname == "gateway.elsewhere.internal"
    error_message = "grpc_metrics_gateway_hostname must win over what namespace and service name give"
  }
}

run "gateway_tunnel_and_worker_are_one_apply" {
  command = apply
  variables {
    enable_grpc_metrics_gateway    = true
    grpc_metrics_gateway_namespace = "cell2-metrics"
  }

  assert {
    condition     = module.gateway.enabled && module.gateway.namespace == "cell2-metrics"
    error_message = "the gateway must be made, in a namespace that is made with it"
  }
  assert {
    condition     = output.metrics_gateway_worker_vpc_service_id == "0196a1b2-0000-7000-8000-00000000c0de"
    error_message = "the Worker must be bound as without the gateway"
  }
}

# The module refuses it with more than one pod: see its tests.
run "the_gateway_is_told_of_retries_that_rely_on_dedupe" {
  command = plan
  variables {
    enable_grpc_metrics_gateway     = true
    grpc_metrics_gateway_replicas   = 1
    metrics_gateway_worker_settings = { GATEWAY_DEDUPES = true }
  }

  assert {
    condition     = module.gateway.gateway_dedupes
    error_message = "the gateway module must know of GATEWAY_DEDUPES, since it refuses it with several pods"
  }
}
