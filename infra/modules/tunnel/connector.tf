locals {
  # Names start with the tunnel's name, which contains the cell: two tunnels can have their connectors in one
  # namespace.
  app    = "cloudflared-${var.name}"
  labels = { app = "cloudflared-grpc-metrics-gateway", "app.kubernetes.io/instance" = var.name }
  image  = join("@", compact([var.cloudflared_image, var.cloudflared_image_digest]))

  namespace = var.create_namespace ? one(kubernetes_namespace_v1.gateway[*].metadata[0].name) : var.namespace

  token_dir    = "/etc/cloudflared/token"
  metrics_port = 2000
}

resource "kubernetes_namespace_v1" "gateway" {
  count = var.create_namespace ? local.count : 0

  metadata {
    name = var.namespace
  }
}

resource "kubernetes_secret_v1" "token" {
  count = local.count

  metadata {
    name      = "${local.app}-token"
    namespace = local.namespace
    labels    = local.labels
  }
  data = {
    token = data.cloudflare_zero_trust_tunnel_cloudflared_token.gateway[0].token
  }
}

resource "kubernetes_deployment_v1" "cloudflared" {
  count = local.count

  # Ready means that a connection to Cloudflare's edge is up. A resource that depends on this one therefore
  # finds a connected tunnel that has reported its version.
  wait_for_rollout = true

  metadata {
    name      = local.app
    namespace = local.namespace
    labels    = local.labels
  }

  spec {
    replicas = var.grpc_metrics_gateway_tunnel_replicas

    selector {
      match_labels = local.labels
    }

    strategy {
      type = "RollingUpdate"
      rolling_update {
        max_unavailable = "0"
        max_surge       = "1"
      }
    }

    template {
      metadata {
        labels = merge(local.labels, var.cell == null ? {} : { cell = var.cell })
        annotations = {
          # A new token rolls the pods.
          "checksum/token" = nonsensitive(sha256(data.cloudflare_zero_trust_tunnel_cloudflared_token.gateway[0].token))
        }
      }

      spec {
        automount_service_account_token  = false
        enable_service_links             = false
        termination_grace_period_seconds = 45

        security_context {
          run_as_non_root = true
          run_as_user     = "65532"
          run_as_group    = "65532"
          fs_group        = "65532"
          seccomp_profile {
            type = "RuntimeDefault"
          }
        }

        # Preferred and not required: a cluster with one node still gets a tunnel.
        affinity {
          pod_anti_affinity {
            preferred_during_scheduling_ignored_during_execution {
              weight = 100
              pod_affinity_term {
                topology_key = "kubernetes.io/hostname"
                label_selector {
                  match_labels = local.labels
                }
              }
            }
            preferred_during_scheduling_ignored_during_execution {
              weight = 50
              pod_affinity_term {
                topology_key = "topology.kubernetes.io/zone"
                label_selector {
                  match_labels = local.labels
                }
              }
            }
          }
        }

        container {
          name  = "cloudflared"
          image = local.image
          args  = ["tunnel", "run"]

          env {
            name  = "NO_AUTOUPDATE"
            value = "true"
          }
          env {
            name  = "TUNNEL_TOKEN_FILE"
            value = "${local.token_dir}/token"
          }
          env {
            # Workers VPC supports only QUIC: with http2 every request ends in dns_error.
            name  = "TUNNEL_TRANSPORT_PROTOCOL"
            value = "quic"
          }
          env {
            name  = "TUNNEL_METRICS"
            value = "0.0.0.0:${local.metrics_port}"
          }
          env {
            # Less than termination_grace_period_seconds: open requests end before the pod does.
            name  = "TUNNEL_GRACE_PERIOD"
            value = "30s"
          }

          port {
            name           = "metrics"
            container_port = local.metrics_port
          }

          startup_probe {
            http_get {
              path = "/ready"
              port = "metrics"
            }
            period_seconds    = 2
            failure_threshold = 60
          }
          readiness_probe {
            http_get {
              path = "/ready"
              port = "metrics"
            }
            period_seconds    = 10
            failure_threshold = 3
          }
          # Not /ready: while Cloudflare cannot be reached, restarts only add their back-off to the outage.
          liveness_probe {
            http_get {
              path = "/healthcheck"
              port = "metrics"
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
            limits = {
              cpu    = var.resources.cpu_limit
              memory = var.resources.memory_limit
            }
          }

          security_context {
            allow_privilege_escalation = false
            privileged                 = false
            read_only_root_filesystem  = true
            capabilities {
              drop = ["ALL"]
            }
          }

          volume_mount {
            name       = "token"
            mount_path = local.token_dir
            read_only  = true
          }
        }

        volume {
          name = "token"
          secret {
            secret_name  = kubernetes_secret_v1.token[0].metadata[0].name
            default_mode = "0440"
          }
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.cloudflared_image_digest == null || !strcontains(var.cloudflared_image, "@")
      error_message = "the digest of the connector's image is given twice: in cloudflared_image and in cloudflared_image_digest."
    }
  }

  # The connector must not run before its configuration makes nothing public.
  depends_on = [cloudflare_zero_trust_tunnel_cloudflared_config.gateway]
}

resource "kubernetes_pod_disruption_budget_v1" "cloudflared" {
  count = local.count

  metadata {
    name      = local.app
    namespace = local.namespace
    labels    = local.labels
  }
  spec {
    # Not min_available: with one replica that would block every node drain.
    max_unavailable = "1"
    selector {
      match_labels = local.labels
    }
  }
}

resource "kubernetes_network_policy_v1" "cloudflared" {
  count = var.enable_network_policy ? local.count : 0

  metadata {
    name      = local.app
    namespace = local.namespace
    labels    = local.labels
  }

  spec {
    policy_types = ["Egress"]
    pod_selector {
      match_labels = local.labels
    }

    # DNS to anywhere: a node-local cache answers on an address that no selector matches.
    egress {
      ports {
        protocol = "UDP"
        port     = "53"
      }
      ports {
        protocol = "TCP"
        port     = "53"
      }
    }
    egress {
      to {
        pod_selector {}
      }
      ports {
        protocol = "TCP"
        port     = tostring(coalesce(var.gateway_pod_port, var.gateway_port))
      }
    }
    egress {
      to {
        ip_block {
          cidr   = "0.0.0.0/0"
          except = var.private_cidrs
        }
      }
      ports {
        protocol = "UDP"
        port     = "7844"
      }
      # Only for cloudflared's own connectivity checks; the tunnel itself is QUIC.
      ports {
        protocol = "TCP"
        port     = "7844"
      }
    }
  }
}
