variable "script_name" {
  description = "The metrics Worker to bind: the output metrics_gateway_worker_script_name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.script_name))
    error_message = "script_name must be a Worker's name, such as cell1-dev-metrics-gateway-worker."
  }
}

variable "binding_name" {
  description = "Name under which the caller finds the binding in its env."
  type        = string
  default     = "METRICS"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z_$][A-Za-z0-9_$]*$", var.binding_name))
    error_message = "binding_name must be a JavaScript identifier, such as METRICS."
  }
}

variable "labels" {
  description = <<-EOT
    Labels that the caller's binding vouches for, e.g. { worker = "checkout" }: the metrics Worker adds them to every
    sample, and the caller's code cannot change them. Only a binding deployed by wrangler can carry them (as props).
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.labels) : can(regex("^[a-zA-Z_][a-zA-Z0-9_]*$", name)) && !startswith(name, "__") && !contains(["le", "quantile"], name)
    ])
    error_message = "labels must have Prometheus label names: letters, digits and underscores, not starting with a digit or __, and not le or quantile."
  }
}
