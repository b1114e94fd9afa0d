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
  mock_data "cloudflare_zero_trust_tunnel_cloudflared_token" {
    defaults = {
      token = "a-token"
    }
  }
}

mock_provider "kubernetes" {}

variables {
  account_id = "0123456789abcdef0123456789abcdef"
  name       = "cell1-dev-grpc-metrics-gateway"
}

run "makes_a_private_tunnel" {
  command = apply

  assert {
    condition     = cloudflare_zero_trust_tunnel_cloudflared.gateway[0].config_src == "cloudflare"
    error_message = "the tunnel must be configured from here, not from a file in the pod"
  }
  assert {
    condition     = [for rule in cloudflare_zero_trust_tunnel_cloudflared_config.gateway[0].config.ingress : "${rule.service} ${rule.hostname == null}"] == ["http_status:404 true"]
    error_message = "the tunnel must have no public hostname"
  }
  assert {
    condition     = length(cloudflare_zero_trust_tunnel_cloudflared_route.gateway) == 0 && output.gateway_url == null
    error_message = "Path A must have no route"
  }
  assert {
    condition     = cloudflare_zero_trust_tunnel_cloudflared_virtual_network.gateway[0].is_default_network == false
    error_message = "the virtual network must not become the account's default"
  }
}

run "exports_what_the_runbook_names" {
  command = apply

  assert {
    condition     = output.grpc_metrics_gateway_tunnel_id == "6f0a2b1c-1111-4222-8333-444455556666"
    error_message = "grpc_metrics_gateway_tunnel_id must be the tunnel's id"
  }
  assert {
    condition     = output.grpc_metrics_gateway_tunnel_virtual_network_id == "7a0a2b1c-1111-4222-8333-444455556666"
    error_message = "grpc_metrics_gateway_tunnel_virtual_network_id must be the network's id"
  }
  assert {
    condition     = output.grpc_metrics_gateway_tunnel_virtual_network_name == "cell1-dev-grpc-metrics-gateway"
    error_message = "grpc_metrics_gateway_tunnel_virtual_network_name must be the network's name"
  }
}

run "runs_a_connector_that_workers_vpc_accepts" {
  command = apply

  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].metadata[0].name == "cloudflared-cell1-dev-grpc-metrics-gateway" && kubernetes_deployment_v1.cloudflared[0].metadata[0].namespace == "metrics-gateway"
    error_message = "the Deployment must be metrics-gateway/cloudflared-<name>"
  }
  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].replicas == "2"
    error_message = "there must be two connectors"
  }
  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].wait_for_rollout == true
    error_message = "an apply must wait for the connector"
  }
  assert {
    condition     = { for e in kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].env : e.name => e.value }["TUNNEL_TRANSPORT_PROTOCOL"] == "quic"
    error_message = "the transport must be QUIC"
  }
  assert {
    condition     = { for e in kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].env : e.name => e.value }["TUNNEL_TOKEN_FILE"] == "/etc/cloudflared/token/token" && kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].volume_mount[0].mount_path == "/etc/cloudflared/token"
    error_message = "the token must be read from the mounted Secret"
  }
  assert {
    condition     = !contains([for e in kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].env : e.name], "TUNNEL_TOKEN")
    error_message = "the token must not be in the environment"
  }
}

run "another_cells_connector_can_be_in_the_same_namespace" {
  command = apply
  variables {
    name = "cell2-dev-grpc-metrics-gateway"
  }

  assert {
    condition = length(setintersection(
      [kubernetes_deployment_v1.cloudflared[0].metadata[0].name, kubernetes_secret_v1.token[0].metadata[0].name, kubernetes_pod_disruption_budget_v1.cloudflared[0].metadata[0].name, kubernetes_network_policy_v1.cloudflared[0].metadata[0].name],
      ["cloudflared-cell1-dev-grpc-metrics-gateway", "cloudflared-cell1-dev-grpc-metrics-gateway-token"],
    )) == 0
    error_message = "every name must take the tunnel's"
  }
  assert {
    condition = alltrue([for labels in [
      kubernetes_deployment_v1.cloudflared[0].spec[0].selector[0].match_labels, kubernetes_pod_disruption_budget_v1.cloudflared[0].spec[0].selector[0].match_labels,
      kubernetes_network_policy_v1.cloudflared[0].spec[0].pod_selector[0].match_labels, kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].metadata[0].labels,
    ] : labels == tomap({ app = "cloudflared-grpc-metrics-gateway", "app.kubernetes.io/instance" = "cell2-dev-grpc-metrics-gateway" })])
    error_message = "every selector must be one tunnel's, and keep the label by which the runbook and the gateway's policy find connectors"
  }
  assert {
    condition     = output.workload == "metrics-gateway/deployment/cloudflared-cell2-dev-grpc-metrics-gateway"
    error_message = "workload must be what a roll-out is waited for by"
  }
}

run "runs_the_connector_without_privileges" {
  command = apply

  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].security_context[0].run_as_non_root == true && kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].automount_service_account_token == false
    error_message = "the pod must run as another user than root and hold no token of the cluster"
  }
  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].security_context[0].read_only_root_filesystem == true && kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].security_context[0].allow_privilege_escalation == false
    error_message = "the container's file system must be read-only, and its privileges fixed"
  }
  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].security_context[0].capabilities[0].drop == tolist(["ALL"])
    error_message = "all capabilities must be dropped"
  }
  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].resources[0].limits["memory"] == "256Mi" && kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].resources[0].requests["cpu"] == "50m"
    error_message = "requests and limits must be set"
  }
}

run "survives_drains_and_outages" {
  command = apply

  assert {
    condition     = kubernetes_pod_disruption_budget_v1.cloudflared[0].spec[0].max_unavailable == "1"
    error_message = "a drain must take one connector at a time, and never block"
  }
  assert {
    condition     = length(kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].affinity[0].pod_anti_affinity[0].preferred_during_scheduling_ignored_during_execution) == 2
    error_message = "connectors must prefer different nodes and zones"
  }
  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].readiness_probe[0].http_get[0].path == "/ready" && kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].liveness_probe[0].http_get[0].path == "/healthcheck"
    error_message = "readiness is the tunnel's state, liveness the process's"
  }
  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].strategy[0].rolling_update[0].max_unavailable == "0"
    error_message = "a roll-out must not lessen the connectors"
  }
}

run "the_connector_reaches_the_gateway_and_the_edge_alone" {
  command = apply

  assert {
    condition     = kubernetes_network_policy_v1.cloudflared[0].spec[0].policy_types == tolist(["Egress"])
    error_message = "the policy must limit egress"
  }
  assert {
    condition     = flatten([for e in kubernetes_network_policy_v1.cloudflared[0].spec[0].egress : [for p in e.ports : "${p.protocol} ${p.port}"]]) == ["UDP 53", "TCP 53", "TCP 8080", "UDP 7844", "TCP 7844"]
    error_message = "DNS, the gateway's port and the edge's port must be all that is allowed"
  }
}

run "the_policy_is_about_the_pods_port_and_the_url_about_the_services" {
  command = apply
  variables {
    gateway_port                              = 80
    gateway_pod_port                          = 8080
    grpc_metrics_gateway_tunnel_route_network = "10.100.3.7/32"
  }

  assert {
    condition     = contains(flatten([for e in kubernetes_network_policy_v1.cloudflared[0].spec[0].egress : [for p in e.ports : "${p.protocol} ${p.port}"]]), "TCP 8080")
    error_message = "the connector must be let through to the port on which the pods listen"
  }
  assert {
    condition     = output.gateway_url == "http://10.100.3.7:80"
    error_message = "the URL must have the Service's port"
  }
}

run "a_new_token_rolls_the_pods" {
  command = apply

  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].metadata[0].annotations["checksum/token"] == sha256("a-token")
    error_message = "the pods must carry a checksum of the token"
  }
}

run "path_b_routes_one_ipv4_address" {
  command = apply
  variables {
    grpc_metrics_gateway_tunnel_route_network = "10.100.3.7/32"
  }

  assert {
    condition     = cloudflare_zero_trust_tunnel_cloudflared_route.gateway[0].network == "10.100.3.7/32" && cloudflare_zero_trust_tunnel_cloudflared_route.gateway[0].virtual_network_id == "7a0a2b1c-1111-4222-8333-444455556666"
    error_message = "the route must be the one address, in the tunnel's own virtual network"
  }
  assert {
    condition     = output.gateway_url == "http://10.100.3.7:8080"
    error_message = "gateway_url must be the routed address"
  }
}

run "path_b_routes_one_ipv6_address" {
  command = plan
  variables {
    grpc_metrics_gateway_tunnel_route_network = "fd00::7/128"
  }

  assert {
    condition     = output.gateway_url == "http://[fd00::7]:8080"
    error_message = "an IPv6 address must be in brackets"
  }
}

run "an_empty_route_is_no_route" {
  command = plan
  variables {
    grpc_metrics_gateway_tunnel_route_network = ""
  }

  assert {
    condition     = length(cloudflare_zero_trust_tunnel_cloudflared_route.gateway) == 0
    error_message = "\"\" must mean Path A"
  }
}

run "off_means_nothing_is_there" {
  command = plan
  variables {
    enable_grpc_metrics_gateway_tunnel        = false
    create_namespace                          = true
    grpc_metrics_gateway_tunnel_route_network = "10.100.3.7/32"
  }

  assert {
    condition = sum([
      length(cloudflare_zero_trust_tunnel_cloudflared.gateway), length(cloudflare_zero_trust_tunnel_cloudflared_config.gateway),
      length(cloudflare_zero_trust_tunnel_cloudflared_virtual_network.gateway), length(cloudflare_zero_trust_tunnel_cloudflared_route.gateway),
      length(kubernetes_namespace_v1.gateway), length(kubernetes_secret_v1.token), length(kubernetes_deployment_v1.cloudflared),
      length(kubernetes_pod_disruption_budget_v1.cloudflared), length(kubernetes_network_policy_v1.cloudflared),
    ]) == 0
    error_message = "no resource may be left when the tunnel is off"
  }
  assert {
    condition     = output.grpc_metrics_gateway_tunnel_id == null && output.grpc_metrics_gateway_tunnel_virtual_network_id == null && output.gateway_url == null
    error_message = "a tunnel that is off has no ids"
  }
}

run "the_namespace_can_be_made_here" {
  command = apply
  variables {
    create_namespace = true
  }

  assert {
    condition     = kubernetes_namespace_v1.gateway[0].metadata[0].name == "metrics-gateway" && kubernetes_deployment_v1.cloudflared[0].metadata[0].namespace == "metrics-gateway"
    error_message = "the connector must be in the namespace that was made"
  }
}

run "a_digest_after_the_version_is_fine" {
  command = plan
  variables {
    cloudflared_image = "registry.example.com/mirror/cloudflared:2025.7.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].image == var.cloudflared_image
    error_message = "the image must be passed on"
  }
}

run "a_digest_pins_the_tag" {
  command = plan
  variables {
    cloudflared_image        = "cloudflare/cloudflared:2025.7.0"
    cloudflared_image_digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].spec[0].container[0].image == "cloudflare/cloudflared:2025.7.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    error_message = "the image must have the tag and the digest"
  }
}

run "two_digests_are_refused" {
  command = plan
  variables {
    cloudflared_image        = "cloudflare/cloudflared:2025.7.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    cloudflared_image_digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
  expect_failures = [kubernetes_deployment_v1.cloudflared[0]]
}

run "a_digest_that_is_none_is_refused" {
  command = plan
  variables {
    cloudflared_image_digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
  expect_failures = [var.cloudflared_image_digest]
}

run "the_version_before_the_first_that_works_is_refused" {
  command = plan
  variables {
    cloudflared_image = "cloudflare/cloudflared:2025.6.1"
  }
  expect_failures = [var.cloudflared_image]
}

run "december_of_the_year_before_is_refused" {
  command = plan
  variables {
    cloudflared_image = "cloudflare/cloudflared:2024.12.2"
  }
  expect_failures = [var.cloudflared_image]
}

run "latest_is_refused" {
  command = plan
  variables {
    cloudflared_image = "cloudflare/cloudflared:latest"
  }
  expect_failures = [var.cloudflared_image]
}

run "a_digest_alone_is_refused" {
  command = plan
  variables {
    cloudflared_image = "cloudflare/cloudflared@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
  expect_failures = [var.cloudflared_image]
}

run "a_wide_route_is_refused" {
  command = plan
  variables {
    grpc_metrics_gateway_tunnel_route_network = "10.100.0.0/16"
  }
  expect_failures = [var.grpc_metrics_gateway_tunnel_route_network]
}

run "an_ipv6_address_with_an_ipv4_mask_is_refused" {
  command = plan
  variables {
    grpc_metrics_gateway_tunnel_route_network = "fd00::7/32"
  }
  expect_failures = [var.grpc_metrics_gateway_tunnel_route_network]
}

run "other_bad_values_are_refused" {
  command = plan
  variables {
    account_id                           = "x"
    name                                 = ""
    grpc_metrics_gateway_tunnel_replicas = 0
    gateway_port                         = 70000
    private_cidrs                        = ["10.0.0.0"]
  }
  expect_failures = [
    var.account_id, var.name, var.grpc_metrics_gateway_tunnel_replicas, var.gateway_port, var.private_cidrs,
  ]
}

run "the_cell_is_a_label_of_the_connectors_pods" {
  command = apply
  variables {
    cell = "cell1"
  }

  assert {
    condition     = kubernetes_deployment_v1.cloudflared[0].spec[0].template[0].metadata[0].labels["cell"] == "cell1" && !contains(keys(kubernetes_deployment_v1.cloudflared[0].spec[0].selector[0].match_labels), "cell")
    error_message = "the pods must carry the cell, and the selector, which cannot be changed later, must not"
  }
}
