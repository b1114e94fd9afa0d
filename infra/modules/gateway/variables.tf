variable "enable_grpc_metrics_gateway" {
  description = "Whether the gateway exists. false removes it, and with it what it has counted."
  type        = bool
  default     = true
  nullable    = false
}

variable "name" {
  description = "Name of the StatefulSet and of its Service."
  type        = string
  default     = "grpc-metrics-gateway"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,48}[a-z0-9])?$", var.name))
    error_message = "name must be 1 to 50 lower-case letters, digits and hyphens, begin with a letter, and not end with a hyphen."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the gateway."
  type        = string
  default     = "metrics-gateway"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace must be 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end."
  }
}

variable "create_namespace" {
  description = "Whether to create the namespace."
  type        = bool
  default     = true
  nullable    = false
}

variable "cell" {
  description = "Cell, as the pods' label \"cell\": the PodMonitor hands it to every series. null leaves the label out."
  type        = string
  default     = null
}

variable "image" {
  description = "Image of the gateway, with a version as its tag (a digest may follow)."
  type        = string
  default     = "ghcr.io/marqo-ai/metrics-gateway:0.1.0"
  nullable    = false

  validation {
    condition     = can(regex(":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(@sha256:[0-9a-f]{64})?$", var.image)) && !can(regex(":latest(@|$)", var.image))
    error_message = "image must carry a version as its tag, such as ghcr.io/marqo-ai/metrics-gateway:0.1.0: \"latest\" or a digest alone hides what runs."
  }
}

variable "replicas" {
  description = "Pods. Each holds a share of every sum, and Prometheus adds them up (docs/scaling.md)."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.replicas >= 1 && var.replicas <= 50 && floor(var.replicas) == var.replicas
    error_message = "replicas must be a whole number from 1 to 50."
  }
}

variable "gateway_dedupes" {
  description = "Whether the Worker has GATEWAY_DEDUPES set: refused with more than one replica."
  type        = bool
  default     = false
  nullable    = false
}

variable "port" {
  description = "Port for pushes, of the Service and of the pods."
  type        = number
  default     = 8080
  nullable    = false

  validation {
    condition     = var.port >= 1024 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "port must be a whole number from 1024 to 65535: the gateway is not root."
  }
}

variable "admin_port" {
  description = "Port of the pods for /metrics, the page and health. The tunnel does not reach it."
  type        = number
  default     = 8081
  nullable    = false

  validation {
    condition     = var.admin_port >= 1024 && var.admin_port <= 65535 && floor(var.admin_port) == var.admin_port && var.admin_port != var.port
    error_message = "admin_port must be a whole number from 1024 to 65535, and not be port."
  }
}

variable "max_series" {
  description = "Most label sets one pod holds."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.max_series >= 1 && floor(var.max_series) == var.max_series
    error_message = "max_series must be a whole number from 1."
  }
}

variable "drain_seconds" {
  description = "How long a pod that was told to stop still answers: longer than two scrapes, so that the last one sees every push."
  type        = number
  default     = 35
  nullable    = false

  validation {
    condition     = var.drain_seconds >= 0 && var.drain_seconds <= 600 && floor(var.drain_seconds) == var.drain_seconds
    error_message = "drain_seconds must be a whole number from 0 to 600."
  }
}

variable "extra_args" {
  description = "More flags of the gateway, e.g. [\"--series-ttl=24h\"]. See crates/gateway/README.md."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arg in var.extra_args : can(regex("^--[a-z-]+(=.*)?$", arg)) && !can(regex("^--(listen|admin-listen|drain-seconds|max-series|shutdown-timeout)(=|$)", arg))])
    error_message = "extra_args must be flags such as --series-ttl=24h. The listeners, the drain and the limit of series have variables of their own, and --shutdown-timeout is fixed."
  }
}

variable "enable_network_policy" {
  description = "Whether a NetworkPolicy lets in the connector's pushes and Prometheus, and nothing else."
  type        = bool
  default     = true
  nullable    = false
}

variable "connector_labels" {
  description = "Labels of the connector's pods, which may push. They are in the gateway's namespace."
  type        = map(string)
  default     = { app = "cloudflared-grpc-metrics-gateway" }
  nullable    = false
}

variable "prometheus_namespace" {
  description = "Namespace of the Prometheus that may read."
  type        = string
  default     = "monitoring"
  nullable    = false
}

variable "prometheus_labels" {
  description = "Labels of the Prometheus pods in that namespace. {} is every pod there."
  type        = map(string)
  default     = { "app.kubernetes.io/name" = "prometheus" }
  nullable    = false
}

variable "resources" {
  description = "Requests and limits of one pod. There is no CPU limit by default: a throttled gateway delays pushes."
  type = object({
    cpu_request    = optional(string, "100m")
    memory_request = optional(string, "128Mi")
    memory_limit   = optional(string, "512Mi")
    cpu_limit      = optional(string)
  })
  default  = {}
  nullable = false
}
