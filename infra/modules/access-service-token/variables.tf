variable "enable" {
  description = "Whether the service token exists."
  type        = bool
  default     = false
  nullable    = false
}

variable "account_id" {
  description = "Cloudflare account that owns the token."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.account_id))
    error_message = "account_id must be 32 lower-case hexadecimal digits, as the Cloudflare dashboard shows it."
  }
}

variable "name" {
  description = "Name of the token and of its policy, e.g. cell1-dev-metrics-gateway-worker."
  type        = string

  validation {
    condition     = length(var.name) >= 1 && length(var.name) <= 64
    error_message = "name must have 1 to 64 characters."
  }
}

variable "duration" {
  description = "How long the token is valid, in hours. Pushes are refused once it has expired, so renew it before."
  type        = string
  default     = "8760h"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*h$", var.duration))
    error_message = "duration must be whole hours, such as 8760h for a year."
  }
}

variable "secret_version" {
  description = "Raise by one to get a new client secret; the old one stays valid until previous_secret_expires_at."
  type        = number
  default     = null

  validation {
    condition     = var.secret_version == null || try(var.secret_version >= 1 && floor(var.secret_version) == var.secret_version, false)
    error_message = "secret_version must be a whole number, 1 or more."
  }
}

variable "previous_secret_expires_at" {
  description = "With a raised secret_version: until when the old secret is still accepted, as an RFC 3339 time."
  type        = string
  default     = null

  validation {
    condition     = var.previous_secret_expires_at == null || can(timecmp(var.previous_secret_expires_at, "2026-01-01T00:00:00Z"))
    error_message = "previous_secret_expires_at must be an RFC 3339 time such as 2026-12-01T00:00:00Z."
  }
}

variable "protect_hostname" {
  description = <<-EOT
    A hostname in one of the account's zones that Access is to guard with this token, and nothing else. null makes no
    Access application: then something in front of the gateway must check the token.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.protect_hostname == null || can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.protect_hostname))
    error_message = "protect_hostname must be a host name alone, such as metrics.example.com."
  }
}
