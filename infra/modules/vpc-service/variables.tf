variable "account_id" {
  description = "Cloudflare account that owns the tunnel and the VPC service."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.account_id))
    error_message = "account_id must be 32 lower-case hexadecimal digits, as the Cloudflare dashboard shows it."
  }
}

variable "enable" {
  description = "Whether to create the VPC service when metrics_gateway_worker_vpc_service_id does not name one already."
  type        = bool
  default     = true
  nullable    = false
}

variable "metrics_gateway_worker_vpc_service_id" {
  description = "Id of a VPC service that exists already. When set, nothing is created and this id is the output."
  type        = string
  default     = null

  validation {
    condition     = var.metrics_gateway_worker_vpc_service_id == null || can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.metrics_gateway_worker_vpc_service_id))
    error_message = "metrics_gateway_worker_vpc_service_id must be a UUID such as 0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b (the service's id, not its name or the tunnel's id)."
  }
}

variable "name" {
  description = "Name of the VPC service, unique in the account, e.g. cell1-dev-grpc-metrics-gateway."
  type        = string

  validation {
    condition     = length(var.name) >= 1 && length(var.name) <= 64
    error_message = "name must have 1 to 64 characters."
  }
}

variable "tunnel_id" {
  description = "Tunnel whose connector can reach the gateway. The connector must run before the service is created: Cloudflare checks its version."
  type        = string
  default     = null
}

variable "gateway_hostname" {
  description = "The gateway's name as the connector resolves it, inside the cluster."
  type        = string
  default     = "grpc-metrics-gateway.metrics-gateway.svc.cluster.local"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.gateway_hostname)) && !can(regex("^[0-9.]+$", var.gateway_hostname))
    error_message = "gateway_hostname must be a host name alone: no scheme, no port, no path, not an address."
  }
}

variable "gateway_port" {
  description = "The gateway's gRPC-Web port. Plain HTTP: the tunnel encrypts up to the connector."
  type        = number
  default     = 8080
  nullable    = false

  validation {
    condition     = var.gateway_port >= 1 && var.gateway_port <= 65535 && floor(var.gateway_port) == var.gateway_port
    error_message = "gateway_port must be a whole number from 1 to 65535."
  }
}
