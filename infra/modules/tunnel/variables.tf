variable "enable_grpc_metrics_gateway_tunnel" {
  description = "Whether the tunnel and its connector exist. false removes both, and the virtual network, the route and the token."
  type        = bool
  default     = true
  nullable    = false
}

variable "account_id" {
  description = "Cloudflare account that owns the tunnel."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.account_id))
    error_message = "account_id must be 32 lower-case hexadecimal digits, as the Cloudflare dashboard shows it."
  }
}

variable "name" {
  description = "Name of the tunnel and of its virtual network, unique in the account, e.g. cell1-dev-grpc-metrics-gateway. The connector is cloudflared-<name>."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.name))
    error_message = "name must be 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end: Kubernetes objects take it, too."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the gateway; the connector joins it."
  type        = string
  default     = "metrics-gateway"
  nullable    = false
}

variable "cell" {
  description = "Cell, as the connector's pods' label \"cell\": the PodMonitor hands it to every series. null leaves the label out."
  type        = string
  default     = null
}

variable "create_namespace" {
  description = "Whether to create the namespace. Leave it false where the gateway's own stack does."
  type        = bool
  default     = false
  nullable    = false
}

variable "cloudflared_image" {
  description = "Image of the connector, with a version as its tag (a digest may follow). Workers VPC needs 2025.7.0 or later."
  type        = string
  default     = "cloudflare/cloudflared:2026.8.2"
  nullable    = false

  validation {
    condition     = can(regex(":[0-9]{4}\\.[0-9]{1,2}\\.[0-9]+(-[a-z0-9]+)?(@sha256:[0-9a-f]{64})?$", var.cloudflared_image))
    error_message = "cloudflared_image must carry a version as its tag, such as cloudflare/cloudflared:2026.8.2, so that its version can be checked: \"latest\" or a digest alone hides it."
  }
  validation {
    # Year and month as one number: 2025.7 is 202507. A tag that has no version is the other validation's business.
    condition = try(
      tonumber(regex(":([0-9]{4})\\.[0-9]{1,2}\\.", var.cloudflared_image)[0]) * 100 +
      tonumber(regex(":[0-9]{4}\\.([0-9]{1,2})\\.", var.cloudflared_image)[0]) >= 202507,
      true,
    )
    error_message = "cloudflared_image must be version 2025.7.0 or later: with an older connector Workers VPC answers dns_error, and the VPC service cannot be created."
  }
}

variable "cloudflared_image_digest" {
  description = "Digest of that version, such as sha256:0123…: pins the image whatever becomes of the tag. Change both together."
  type        = string
  default     = null

  validation {
    condition     = var.cloudflared_image_digest == null || can(regex("^sha256:[0-9a-f]{64}$", var.cloudflared_image_digest))
    error_message = "cloudflared_image_digest must be sha256: and 64 lower-case hexadecimal digits, as `docker buildx imagetools inspect` prints it."
  }
}

variable "grpc_metrics_gateway_tunnel_replicas" {
  description = "Connectors. They are for availability: Cloudflare does not balance load over them."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.grpc_metrics_gateway_tunnel_replicas >= 1 && var.grpc_metrics_gateway_tunnel_replicas <= 25 && floor(var.grpc_metrics_gateway_tunnel_replicas) == var.grpc_metrics_gateway_tunnel_replicas
    error_message = "grpc_metrics_gateway_tunnel_replicas must be a whole number from 1 to 25, the most connectors one tunnel takes."
  }
}

variable "grpc_metrics_gateway_tunnel_route_network" {
  description = "Path B only: the gateway's ClusterIP as a /32 (IPv4) or /128 (IPv6). null or \"\" makes no route."
  type        = string
  default     = null

  validation {
    condition = try(length(var.grpc_metrics_gateway_tunnel_route_network), 0) == 0 || (
      can(cidrhost(var.grpc_metrics_gateway_tunnel_route_network, 0)) &&
      can(regex("^[0-9.]+/32$|^[0-9a-fA-F:]+/128$", var.grpc_metrics_gateway_tunnel_route_network))
    )
    error_message = "grpc_metrics_gateway_tunnel_route_network must be one address, such as 10.100.3.7/32 or fd00::7/128: a wider route would open more of the cluster."
  }
}

variable "gateway_port" {
  description = "Port of the gateway's Service."
  type        = number
  default     = 8080
  nullable    = false

  validation {
    condition     = var.gateway_port >= 1 && var.gateway_port <= 65535 && floor(var.gateway_port) == var.gateway_port
    error_message = "gateway_port must be a whole number from 1 to 65535."
  }
}

variable "gateway_pod_port" {
  description = "Port on which the gateway's pods listen, where it is not the Service's (targetPort): a NetworkPolicy sees pods, not Services."
  type        = number
  default     = null

  validation {
    condition     = var.gateway_pod_port == null || try(var.gateway_pod_port >= 1 && var.gateway_pod_port <= 65535 && floor(var.gateway_pod_port) == var.gateway_pod_port, false)
    error_message = "gateway_pod_port must be a whole number from 1 to 65535."
  }
}

variable "enable_network_policy" {
  description = <<-EOT
    Whether a NetworkPolicy limits the connector to DNS, the gateway's port of this namespace's pods, and Cloudflare's edge.
    With it, whoever controls the tunnel's configuration still reaches nothing else in the cluster.
  EOT
  type        = bool
  default     = true
  nullable    = false
}

variable "private_cidrs" {
  description = "Networks the NetworkPolicy keeps the connector out of when it dials Cloudflare's edge."
  type        = list(string)
  default     = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.private_cidrs : can(cidrnetmask(cidr))])
    error_message = "private_cidrs must be IPv4 networks such as 10.0.0.0/8."
  }
}

variable "resources" {
  description = "Requests and limits of one connector. It carries a few small requests a second for each Worker isolate."
  type = object({
    cpu_request    = optional(string, "50m")
    memory_request = optional(string, "64Mi")
    memory_limit   = optional(string, "256Mi")
    cpu_limit      = optional(string, "500m")
  })
  default  = {}
  nullable = false
}
