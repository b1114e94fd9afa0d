locals {
  count     = var.enable_grpc_metrics_gateway ? 1 : 0
  namespace = var.create_namespace && var.enable_grpc_metrics_gateway ? one(kubernetes_namespace_v1.gateway[*].metadata[0].name) : var.namespace

  selector = { "app.kubernetes.io/name" = var.name }
  labels   = merge(local.selector, var.cell == null ? {} : { cell = var.cell })

  args = concat([
    "--listen=0.0.0.0:${var.port}",
    "--admin-listen=0.0.0.0:${var.admin_port}",
    "--drain-seconds=${var.drain_seconds}",
    "--max-series=${var.max_series}",
  ], var.extra_args)

  # The gateway's own --shutdown-timeout, for open pushes after the drain.
  shutdown_timeout = 10
}

resource "kubernetes_namespace_v1" "gateway" {
  count = var.create_namespace ? local.count : 0

  metadata {
    name = var.namespace
    labels = {
      "pod-security.kubernetes.io/enforce" = "restricted"
    }
  }
}

# A StatefulSet only for the pods' names: a pod that moves to another node keeps its name, so Prometheus
# continues its series as counters that were reset.
resource "kubernetes_stateful_set_v1" "gateway" {
  count = local.count

  wait_for_rollout = true

  metadata {
    name      = var.name
    namespace = local.namespace
    labels    = local.labels
  }

  spec {
    replicas              = var.replicas
    service_name          = "${var.name}-pods"
    pod_management_policy = "Parallel"

    selector {
      match_labels = local.selector
    }

    update_strategy {
      type = "RollingUpdate"
    }

    template {
      metadata {
        labels = local.labels
      }

      spec {
        automount_service_account_token = false
        enable_service_links            = false
        # The drain, the open pushes, and a margin.
        termination_grace_period_seconds = var.drain_seconds + local.shutdown_timeout + 5

        security_context {
          run_as_non_root = true
          run_as_user     = "65532"
          run_as_group    = "65532"
          seccomp_profile {
            type = "RuntimeDefault"
          }
        }

        # Preferred and not required: a cluster with one node still gets a gateway.
        affinity {
          pod_anti_affinity {
            preferred_during_scheduling_ignored_during_execution {
              weight = 100
              pod_affinity_term {
                topology_key = "kubernetes.io/hostname"
                label_selector {
                  match_labels = local.selector
                }
              }
            }
            preferred_during_scheduling_ignored_during_execution {
              weight = 50
              pod_affinity_term {
                topology_key = "topology.kubernetes.io/zone"
                label_selector {
                  match_labels = local.selector
                }
              }
            }
          }
        }

        container {
          name  = "gateway"
          image = var.image
          args  = local.args

          port {
            name           = "push"
            container_port = var.port
          }
          port {
            name           = "admin"
            container_port = var.admin_port
          }

          # Not /-/ready: a stopping pod leaves the Service anyway if another is ready. If none is, Kubernetes
          # 1.28 and later sends it pushes for as long as this probe succeeds. Patient: a slow answer must not
          # remove a pod.
          readiness_probe {
            http_get {
              path = "/-/healthy"
              port = "admin"
            }
            period_seconds    = 5
            timeout_seconds   = 2
            failure_threshold = 3
          }
          liveness_probe {
            http_get {
              path = "/-/healthy"
              port = "admin"
            }
            period_seconds    = 10
            timeout_seconds   = 5
            failure_threshold = 6
          }

          resources {
            requests = {
              cpu    = var.resources.cpu_request
              memory = var.resources.memory_request
            }
            limits = merge(
              { memory = var.resources.memory_limit },
              var.resources.cpu_limit == null ? {} : { cpu = var.resources.cpu_limit },
            )
          }

          security_context {
            allow_privilege_escalation = false
            privileged                 = false
            read_only_root_filesystem  = true
            capabilities {
              drop = ["ALL"]
            }
          }
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = !(var.gateway_dedupes && var.replicas > 1)
      error_message = "GATEWAY_DEDUPES with more than one gateway pod can count twice: each pod remembers its own x-push-ids, and a retry may reach another. Set replicas to 1, or leave GATEWAY_DEDUPES out (docs/scaling.md)."
    }
  }
}

# The Service for the tunnel: pushes only.
resource "kubernetes_service_v1" "gateway" {
  count = local.count

  # A ClusterIP needs no load balancer to wait for.
  wait_for_load_balancer = false

  metadata {
    name      = var.name
    namespace = local.namespace
    labels    = local.labels
  }
  spec {
    type     = "ClusterIP"
    selector = local.selector
    port {
      name         = "push"
      port         = tostring(var.port)
      target_port  = "push"
      app_protocol = "http"
    }
  }
}

# The pods' names in DNS. Draining pods are included, so that Prometheus still scrapes them.
resource "kubernetes_service_v1" "pods" {
  count = local.count

  wait_for_load_balancer = false

  metadata {
    name      = "${var.name}-pods"
    namespace = local.namespace
    labels    = local.labels
  }
  spec {
    type                        = "ClusterIP"
    cluster_ip                  = "None"
    publish_not_ready_addresses = true
    selector                    = local.selector
    port {
      name        = "admin"
      port        = tostring(var.admin_port)
      target_port = "admin"
    }
  }
}

resource "kubernetes_pod_disruption_budget_v1" "gateway" {
  count = local.count

  metadata {
    name      = var.name
    namespace = local.namespace
    labels    = local.labels
  }
  spec {
    # Not min_available: with one replica that would block every node drain.
    max_unavailable = "1"
    selector {
      match_labels = local.selector
    }
  }
}

# The connector pushes, Prometheus reads, and the gateway itself makes no calls.
resource "kubernetes_network_policy_v1" "gateway" {
  count = var.enable_network_policy ? local.count : 0

  metadata {
    name      = var.name
    namespace = local.namespace
    labels    = local.labels
  }
  spec {
    policy_types = ["Ingress", "Egress"]
    pod_selector {
      match_labels = local.selector
    }

    ingress {
      from {
        pod_selector {
          match_labels = var.connector_labels
        }
      }
      ports {
        protocol = "TCP"
        port     = "push"
      }
    }
    ingress {
      from {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = var.prometheus_namespace }
        }
        pod_selector {
          match_labels = var.prometheus_labels
        }
      }
      ports {
        protocol = "TCP"
        port     = "admin"
      }
    }
  }
}
