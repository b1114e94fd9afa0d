mock_provider "cloudflare" {
  mock_resource "cloudflare_connectivity_directory_service" {
    defaults = {
      service_id = "0196a1b2-0000-7000-8000-00000000c0de"
    }
  }
}

variables {
  account_id = "0123456789abcdef0123456789abcdef"
  name       = "cell1-dev-grpc-metrics-gateway"
  tunnel_id  = "6f0a2b1c-1111-4222-8333-444455556666"
}

run "creates_the_service_for_the_clusters_gateway" {
  command = apply

  assert {
    condition     = cloudflare_connectivity_directory_service.gateway[0].type == "http" && cloudflare_connectivity_directory_service.gateway[0].http_port == 8080
    error_message = "the service must be plain HTTP on port 8080"
  }
  assert {
    condition     = cloudflare_connectivity_directory_service.gateway[0].https_port == null
    error_message = "https must have no port"
  }
  assert {
    condition     = cloudflare_connectivity_directory_service.gateway[0].host.hostname == "grpc-metrics-gateway.metrics-gateway.svc.cluster.local"
    error_message = "the host must be the gateway's name in the cluster"
  }
  assert {
    condition     = cloudflare_connectivity_directory_service.gateway[0].host.resolver_network.tunnel_id == "6f0a2b1c-1111-4222-8333-444455556666"
    error_message = "the name must be resolved by the tunnel's connector"
  }
  assert {
    condition     = output.service_id == "0196a1b2-0000-7000-8000-00000000c0de" && output.created
    error_message = "the output must be the created service's service_id"
  }
}

run "a_given_id_overrides" {
  command = plan
  variables {
    metrics_gateway_worker_vpc_service_id = "0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
    tunnel_id                             = null
  }

  assert {
    condition     = length(cloudflare_connectivity_directory_service.gateway) == 0 && !output.created
    error_message = "a service that exists already must not be created again"
  }
  assert {
    condition     = output.service_id == "0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
    error_message = "the given id must be the output"
  }
}

run "off_means_no_service_and_no_id" {
  command = plan
  variables {
    enable    = false
    tunnel_id = null
  }

  assert {
    condition     = length(cloudflare_connectivity_directory_service.gateway) == 0 && output.service_id == null
    error_message = "nothing may be created, and the id must be null"
  }
}

run "another_port_is_passed_on" {
  command = plan
  variables {
    gateway_port = 9090
  }

  assert {
    condition     = cloudflare_connectivity_directory_service.gateway[0].http_port == 9090
    error_message = "gateway_port must be http_port"
  }
}

run "no_tunnel_is_refused" {
  command = plan
  variables {
    tunnel_id = null
  }
  expect_failures = [cloudflare_connectivity_directory_service.gateway]
}

run "a_url_for_the_hostname_is_refused" {
  command = plan
  variables {
    gateway_hostname = "http://grpc-metrics-gateway:8080"
  }
  expect_failures = [var.gateway_hostname]
}

run "an_address_for_the_hostname_is_refused" {
  command = plan
  variables {
    gateway_hostname = "10.0.0.7"
  }
  expect_failures = [var.gateway_hostname]
}

run "bad_values_are_refused" {
  command = plan
  variables {
    account_id                            = "0123"
    name                                  = ""
    gateway_port                          = 0
    metrics_gateway_worker_vpc_service_id = "my-service"
  }
  expect_failures = [var.account_id, var.name, var.gateway_port, var.metrics_gateway_worker_vpc_service_id]
}
