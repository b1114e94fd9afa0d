mock_provider "kubernetes" {}

run "makes_what_the_tunnel_and_the_runbook_name" {
  command = apply

  assert {
    condition     = kubernetes_service_v1.gateway[0].metadata[0].name == "grpc-metrics-gateway" && kubernetes_service_v1.gateway[0].metadata[0].namespace == "metrics-gateway" && [for p in kubernetes_service_v1.gateway[0].spec[0].port : "${p.port} ${p.target_port}"] == ["8080 push"]
    error_message = "the Service must be metrics-gateway/grpc-metrics-gateway, port 8080"
  }
  assert {
    condition     = output.hostname == "grpc-metrics-gateway.metrics-gateway.svc.cluster.local"
    error_message = "the host must be the Service's name in the cluster"
  }
  assert {
    condition     = kubernetes_namespace_v1.gateway[0].metadata[0].name == "metrics-gateway"
    error_message = "the namespace must be made with it"
  }
  assert {
    condition     = kubernetes_stateful_set_v1.gateway[0].spec[0].replicas == "2" && kubernetes_stateful_set_v1.gateway[0].wait_for_rollout == true
    error_message = "there must be two pods, and an apply must wait for them"
  }
}

run "pushes_and_metrics_have_ports_of_their_own" {
  command = apply

  assert {
    condition     = kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].container[0].args == tolist(["--listen=0.0.0.0:8080", "--admin-listen=0.0.0.0:8081", "--drain-seconds=35", "--max-series=10000"])
    error_message = "the gateway must serve /metrics apart from pushes, and drain"
  }
  assert {
    condition     = [for p in kubernetes_service_v1.gateway[0].spec[0].port : p.name] == ["push"]
    error_message = "the Service that the tunnel reaches must take pushes alone"
  }
  assert {
    condition     = flatten([for rule in kubernetes_network_policy_v1.gateway[0].spec[0].ingress : [for p in rule.ports : p.port]]) == ["push", "admin"]
    error_message = "the connector may push, and Prometheus may read"
  }
  assert {
    condition     = kubernetes_network_policy_v1.gateway[0].spec[0].ingress[0].from[0].pod_selector[0].match_labels == tomap({ app = "cloudflared-grpc-metrics-gateway" }) && kubernetes_network_policy_v1.gateway[0].spec[0].ingress[1].from[0].namespace_selector[0].match_labels == tomap({ "kubernetes.io/metadata.name" = "monitoring" })
    error_message = "only the connector's pods may push, only Prometheus's namespace may read"
  }
  assert {
    condition     = toset(kubernetes_network_policy_v1.gateway[0].spec[0].policy_types) == toset(["Ingress", "Egress"]) && length(kubernetes_network_policy_v1.gateway[0].spec[0].egress) == 0
    error_message = "the gateway calls nobody"
  }
}

run "runs_without_privileges" {
  command = apply

  assert {
    condition     = kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].security_context[0].run_as_non_root == true && kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].automount_service_account_token == false
    error_message = "the pod must run as another user than root and hold no token of the cluster"
  }
  assert {
    condition     = kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].container[0].security_context[0].read_only_root_filesystem == true && kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].container[0].security_context[0].allow_privilege_escalation == false
    error_message = "the container's file system must be read-only, and its privileges fixed"
  }
  assert {
    condition     = kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].container[0].resources[0].limits == tomap({ memory = "512Mi" }) && kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].container[0].resources[0].requests["cpu"] == "100m"
    error_message = "memory must be limited and CPU requested, not limited"
  }
}

run "a_pod_that_stops_has_time_to_drain" {
  command = apply
  variables {
    drain_seconds = 65
  }

  assert {
    condition     = kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].termination_grace_period_seconds == 80
    error_message = "Kubernetes must wait for the drain and for the pushes under way"
  }
  assert {
    condition     = kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].container[0].readiness_probe[0].http_get[0].path == "/-/healthy" && kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].container[0].liveness_probe[0].http_get[0].path == "/-/healthy"
    error_message = "a pod that drains must get pushes if no other is ready"
  }
  assert {
    condition     = kubernetes_service_v1.pods[0].spec[0].publish_not_ready_addresses == true && kubernetes_service_v1.pods[0].spec[0].cluster_ip == "None" && kubernetes_stateful_set_v1.gateway[0].spec[0].service_name == kubernetes_service_v1.pods[0].metadata[0].name
    error_message = "pods that drain must be found still"
  }
  assert {
    condition     = kubernetes_pod_disruption_budget_v1.gateway[0].spec[0].max_unavailable == "1"
    error_message = "a drain of a node must take one pod at a time, and never block"
  }
}

run "the_cell_is_a_label_of_the_pods" {
  command = apply
  variables {
    cell = "cell2"
  }

  assert {
    condition     = kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].metadata[0].labels == tomap({ "app.kubernetes.io/name" = "grpc-metrics-gateway", cell = "cell2" })
    error_message = "the pods must carry the cell"
  }
  assert {
    condition     = kubernetes_stateful_set_v1.gateway[0].spec[0].selector[0].match_labels == tomap({ "app.kubernetes.io/name" = "grpc-metrics-gateway" })
    error_message = "the selector cannot be changed later, so it must not depend on the cell"
  }
}

run "names_ports_and_flags_are_settable" {
  command = apply
  variables {
    name             = "gateway"
    namespace        = "cell2-metrics"
    create_namespace = false
    port             = 9090
    replicas         = 5
    extra_args       = ["--series-ttl=24h"]
  }

  assert {
    condition     = output.hostname == "gateway.cell2-metrics.svc.cluster.local" && length(kubernetes_namespace_v1.gateway) == 0 && output.namespace == "cell2-metrics"
    error_message = "the host must follow from name and namespace"
  }
  assert {
    condition     = contains(kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].container[0].args, "--series-ttl=24h") && contains(kubernetes_stateful_set_v1.gateway[0].spec[0].template[0].spec[0].container[0].args, "--listen=0.0.0.0:9090")
    error_message = "flags must be passed on"
  }
}

run "off_means_nothing_is_there_but_the_name" {
  command = plan
  variables {
    enable_grpc_metrics_gateway = false
  }

  assert {
    condition = sum([
      length(kubernetes_namespace_v1.gateway), length(kubernetes_stateful_set_v1.gateway), length(kubernetes_service_v1.gateway),
      length(kubernetes_service_v1.pods), length(kubernetes_pod_disruption_budget_v1.gateway), length(kubernetes_network_policy_v1.gateway),
    ]) == 0
    error_message = "no resource may be left when the gateway is off"
  }
  assert {
    condition     = output.hostname == "grpc-metrics-gateway.metrics-gateway.svc.cluster.local" && output.namespace == "metrics-gateway"
    error_message = "another stack's gateway has a name, too"
  }
}

run "dedupe_with_one_pod_is_exact" {
  command = plan
  variables {
    replicas        = 1
    gateway_dedupes = true
  }

  assert {
    condition     = kubernetes_stateful_set_v1.gateway[0].spec[0].replicas == "1"
    error_message = "one pod remembers every push-id"
  }
}

run "dedupe_with_two_pods_is_refused" {
  command = plan
  variables {
    gateway_dedupes = true
  }
  expect_failures = [kubernetes_stateful_set_v1.gateway]
}

run "bad_values_are_refused" {
  command = plan
  variables {
    name          = "Gateway"
    namespace     = "metrics_gateway"
    image         = "ghcr.io/marqo-ai/metrics-gateway:latest"
    replicas      = 0
    port          = 80
    max_series    = 0
    drain_seconds = -1
    extra_args    = ["--listen=0.0.0.0:1"]
  }
  expect_failures = [
    var.name, var.namespace, var.image, var.replicas, var.port, var.max_series, var.drain_seconds, var.extra_args,
  ]
}
