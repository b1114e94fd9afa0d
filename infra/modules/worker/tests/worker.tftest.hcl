mock_provider "cloudflare" {}

variables {
  account_id                            = "0123456789abcdef0123456789abcdef"
  cell                                  = "cell1"
  env                                   = "dev"
  build_dir                             = "./tests/fixture"
  metrics_gateway_worker_vpc_service_id = "0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
}

run "uploads_the_two_parts_privately" {
  command = plan

  assert {
    condition     = cloudflare_workers_script.metrics_gateway_worker[0].script_name == "cell1-dev-metrics-gateway-worker"
    error_message = "the script name must be <cell>-<env>-metrics-gateway-worker"
  }
  assert {
    condition     = output.metrics_gateway_worker_script_name == "cell1-dev-metrics-gateway-worker"
    error_message = "the output must be the script's name"
  }
  assert {
    condition     = cloudflare_workers_script.metrics_gateway_worker[0].main_module == "index.js"
    error_message = "main_module must be index.js"
  }
  assert {
    condition     = cloudflare_workers_script.metrics_gateway_worker[0].content_sha256 == filesha256("./tests/fixture/index.js")
    error_message = "a changed index.js must change the plan"
  }
  assert {
    condition     = toset(keys(cloudflare_workers_script.metrics_gateway_worker[0].files)) == toset(["index_bg.wasm"])
    error_message = "the Wasm must be uploaded under the name that index.js imports, and nothing else"
  }
  assert {
    condition     = cloudflare_workers_script.metrics_gateway_worker[0].files["index_bg.wasm"].content_type == "application/wasm"
    error_message = "the Wasm must be uploaded as application/wasm"
  }
  assert {
    condition     = cloudflare_workers_script.metrics_gateway_worker[0].logpush == true && cloudflare_workers_script.metrics_gateway_worker[0].observability.enabled == false
    error_message = "logpush must be on and observability off"
  }
  assert {
    condition     = cloudflare_workers_script_subdomain.metrics_gateway_worker[0].enabled == false && cloudflare_workers_script_subdomain.metrics_gateway_worker[0].previews_enabled == false
    error_message = "there must be no workers.dev address and no previews"
  }
  assert {
    condition     = output.parts == { "index.js" = filesha256("./tests/fixture/index.js"), "index_bg.wasm" = filesha256("./tests/fixture/index_bg.wasm") }
    error_message = "parts must name what is uploaded"
  }
}

run "binds_the_vpc_service_and_nothing_else_by_default" {
  command = plan

  assert {
    condition = [
      for b in cloudflare_workers_script.metrics_gateway_worker[0].bindings : "${b.name} ${b.type} ${b.service_id}"
    ] == ["METRICS_GATEWAY vpc_service 0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"]
    error_message = "Path A must bind METRICS_GATEWAY to the VPC service, and leave every var to the Worker's defaults"
  }
}

run "binds_every_var_in_the_order_of_names" {
  command = plan
  variables {
    settings = {
      FLUSH_INTERVAL_MS     = 500
      GATEWAY_DEDUPES       = true
      GATEWAY_URL           = "http://gateway"
      MAX_BATCH_SAMPLES     = 900
      MAX_BUFFERED_SAMPLES  = 9000
      MAX_SERIES_PER_METRIC = 100
      PUSH_TIMEOUT_MS       = 3000
      REJECT_INVALID        = false
      SELF_METRICS          = true
    }
  }

  assert {
    condition = [for b in cloudflare_workers_script.metrics_gateway_worker[0].bindings : b.name] == [
      "FLUSH_INTERVAL_MS", "GATEWAY_DEDUPES", "GATEWAY_URL", "MAX_BATCH_SAMPLES", "MAX_BUFFERED_SAMPLES",
      "MAX_SERIES_PER_METRIC", "METRICS_GATEWAY", "PUSH_TIMEOUT_MS", "REJECT_INVALID", "SELF_METRICS",
    ]
    error_message = "every var must be bound, sorted by name"
  }
  assert {
    condition     = nonsensitive([for b in cloudflare_workers_script.metrics_gateway_worker[0].bindings : b.text if b.name == "GATEWAY_DEDUPES"][0]) == "true"
    error_message = "a bool must become the text \"true\""
  }
}

run "path_b_binds_the_tunnel_and_needs_an_address" {
  command = plan
  variables {
    gateway_binding                       = "vpc_network"
    metrics_gateway_worker_vpc_service_id = null
    vpc_network_tunnel_id                 = "6f0a2b1c-1111-4222-8333-444455556666"
    settings                              = { GATEWAY_URL = "http://10.0.0.7:8080" }
  }

  assert {
    condition = [
      for b in cloudflare_workers_script.metrics_gateway_worker[0].bindings : "${b.type} ${b.tunnel_id}" if b.name == "METRICS_GATEWAY"
    ] == ["vpc_network 6f0a2b1c-1111-4222-8333-444455556666"]
    error_message = "Path B must bind METRICS_GATEWAY to the tunnel"
  }
}

run "path_b_can_bind_a_network" {
  command = plan
  variables {
    gateway_binding                       = "vpc_network"
    metrics_gateway_worker_vpc_service_id = null
    vpc_network_id                        = "cf1:network"
    settings                              = { GATEWAY_URL = "http://[fd00::7]:8080" }
  }

  assert {
    condition = [
      for b in cloudflare_workers_script.metrics_gateway_worker[0].bindings : b.network_id if b.name == "METRICS_GATEWAY"
    ] == ["cf1:network"]
    error_message = "Path B must bind METRICS_GATEWAY to the network"
  }
}

run "path_b_without_an_address_is_refused" {
  command = plan
  variables {
    gateway_binding       = "vpc_network"
    vpc_network_tunnel_id = "6f0a2b1c-1111-4222-8333-444455556666"
  }
  expect_failures = [cloudflare_workers_script.metrics_gateway_worker]
}

run "path_b_with_two_targets_is_refused" {
  command = plan
  variables {
    gateway_binding       = "vpc_network"
    vpc_network_tunnel_id = "6f0a2b1c-1111-4222-8333-444455556666"
    vpc_network_id        = "cf1:network"
    settings              = { GATEWAY_URL = "http://10.0.0.7:8080" }
  }
  expect_failures = [cloudflare_workers_script.metrics_gateway_worker]
}

run "path_a_without_a_service_is_refused" {
  command = plan
  variables {
    metrics_gateway_worker_vpc_service_id = null
  }
  expect_failures = [cloudflare_workers_script.metrics_gateway_worker]
}

run "off_means_nothing_is_there" {
  command = plan
  variables {
    enable_metrics_gateway_cloudflare_worker = false
    metrics_gateway_worker_vpc_service_id    = null
    build_dir                                = "./no-build-needed"
  }

  assert {
    condition     = length(cloudflare_workers_script.metrics_gateway_worker) == 0 && length(cloudflare_workers_script_subdomain.metrics_gateway_worker) == 0
    error_message = "no resource may be left when the Worker is off"
  }
  assert {
    condition     = output.metrics_gateway_worker_script_name == null && output.parts == null
    error_message = "a Worker that is off has no name and no parts"
  }
}

run "binds_the_access_secrets_as_secrets" {
  command = plan
  variables {
    enable_access_service_token = true
    access_client_id            = "id.access"
    access_client_secret        = "s3cret"
  }

  assert {
    condition = [for b in cloudflare_workers_script.metrics_gateway_worker[0].bindings : "${b.name} ${b.type}"] == [
      "ACCESS_CLIENT_ID secret_text", "ACCESS_CLIENT_SECRET secret_text", "METRICS_GATEWAY vpc_service",
    ]
    error_message = "the two secrets must be bound as secret_text"
  }
}

run "half_an_access_token_is_refused" {
  command = plan
  variables {
    enable_access_service_token = true
    access_client_id            = "id.access"
  }
  expect_failures = [cloudflare_workers_script.metrics_gateway_worker]
}

run "a_folder_that_is_not_the_build_is_refused" {
  command = plan
  variables {
    build_dir = "./tests/not-the-build"
  }
  expect_failures = [cloudflare_workers_script.metrics_gateway_worker]
}

run "a_revision_and_a_cpu_limit_are_passed_on" {
  command = plan
  variables {
    revision = "0123456789abcdef0123456789abcdef01234567"
    cpu_ms   = 200
  }

  assert {
    condition     = cloudflare_workers_script.metrics_gateway_worker[0].annotations.workers_message == "git 0123456789abcdef0123456789abcdef01234567"
    error_message = "the message must name the revision"
  }
  assert {
    condition     = cloudflare_workers_script.metrics_gateway_worker[0].limits.cpu_ms == 200
    error_message = "cpu_ms must be passed on"
  }
}

run "a_misspelt_setting_is_refused" {
  command = plan
  variables {
    settings = { FLUSH_INTERVALL_MS = 500 }
  }
  expect_failures = [var.settings]
}

run "a_number_with_a_unit_is_refused" {
  command = plan
  variables {
    settings = { PUSH_TIMEOUT_MS = "5s" }
  }
  expect_failures = [var.settings]
}

run "a_negative_number_is_refused" {
  command = plan
  variables {
    settings = { MAX_BATCH_SAMPLES = -1 }
  }
  expect_failures = [var.settings]
}

run "a_timeout_longer_than_the_worker_takes_is_refused" {
  command = plan
  variables {
    settings = { PUSH_TIMEOUT_MS = 25000 }
  }
  expect_failures = [var.settings]
}

run "a_batch_of_nothing_is_refused" {
  command = plan
  variables {
    settings = { MAX_BATCH_SAMPLES = 0 }
  }
  expect_failures = [var.settings]
}

run "an_interval_of_nothing_means_at_once" {
  command = plan
  variables {
    settings = { FLUSH_INTERVAL_MS = 0 }
  }

  assert {
    condition     = nonsensitive([for b in cloudflare_workers_script.metrics_gateway_worker[0].bindings : b.text if b.name == "FLUSH_INTERVAL_MS"][0]) == "0"
    error_message = "0 must be bound, not taken for absent"
  }
}

run "a_yes_for_true_is_refused" {
  command = plan
  variables {
    settings = { GATEWAY_DEDUPES = "yes" }
  }
  expect_failures = [var.settings]
}

run "a_gateway_url_with_a_path_is_refused" {
  command = plan
  variables {
    settings = { GATEWAY_URL = "http://gateway/marqo.metrics.v1.MetricsIngest/Push" }
  }
  expect_failures = [var.settings]
}

run "a_gateway_url_with_a_password_is_refused" {
  command = plan
  variables {
    settings = { GATEWAY_URL = "http://user:secret@gateway" }
  }
  expect_failures = [var.settings]
}

run "bad_names_are_refused" {
  command = plan
  variables {
    cell = "Cell_1"
    env  = "-dev"
  }
  expect_failures = [var.cell, var.env]
}

run "a_service_name_for_its_id_is_refused" {
  command = plan
  variables {
    metrics_gateway_worker_vpc_service_id = "cell1-grpc-metrics-gateway"
  }
  expect_failures = [var.metrics_gateway_worker_vpc_service_id]
}

run "other_bad_values_are_refused" {
  command = plan
  variables {
    account_id         = "my-account"
    compatibility_date = "2023-01-01"
    gateway_binding    = "tunnel"
    cpu_ms             = 1
  }
  expect_failures = [var.account_id, var.compatibility_date, var.gateway_binding, var.cpu_ms]
}

run "the_build" {
  command = apply
}

run "another_wasm_alone_is_a_change_of_the_plan" {
  command = plan
  variables {
    build_dir = "./tests/another-wasm"
  }

  assert {
    condition     = cloudflare_workers_script.metrics_gateway_worker[0].content_sha256 == filesha256("./tests/fixture/index.js")
    error_message = "this test needs the same index.js"
  }
  assert {
    condition     = output.tag != run.the_build.tag && length(output.tag) == 25
    error_message = "a Wasm that changed must change an attribute of the script, without a revision, too"
  }
}

run "the_same_build_elsewhere_has_the_same_tag" {
  command = plan
  variables {
    revision = "0123456789abcdef0123456789abcdef01234567"
  }

  assert {
    condition     = output.tag == run.the_build.tag
    error_message = "the tag must be the parts' alone"
  }
}
