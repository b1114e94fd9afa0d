variable "enable" {
  description = "Whether the Logpush job exists."
  type        = bool
  default     = true
  nullable    = false
}

variable "account_id" {
  description = "Cloudflare account that owns the Worker."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.account_id))
    error_message = "account_id must be 32 lower-case hexadecimal digits, as the Cloudflare dashboard shows it."
  }
}

variable "script_name" {
  description = "Worker whose logs are pushed: the output metrics_gateway_worker_script_name."
  type        = string
}

variable "other_script_names" {
  description = "More Workers whose logs the same job pushes."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.other_script_names : can(regex("^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$", name))])
    error_message = "other_script_names must be the names of Workers, such as cell1-dev-checkout."
  }
}

variable "job_name" {
  description = "Name of the job, the prefix in the bucket, and what log pipelines list it under. null makes it <script_name>-logs."
  type        = string
  default     = null

  validation {
    condition     = var.job_name == null || can(regex("^[A-Za-z0-9._-]{1,255}$", var.job_name))
    error_message = "job_name must be letters, digits, dots, underscores and hyphens: it is a prefix in the bucket, too."
  }
}

variable "bucket" {
  description = "S3 bucket for the logs. Needed with enable or create_bucket."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be the name of an S3 bucket alone: no s3://, no path."
  }
}

variable "region" {
  description = "AWS region of the bucket."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region such as eu-central-1."
  }
}

variable "create_bucket" {
  description = <<-EOT
    Whether to create the bucket, private, with the policy that Logpush needs and an expiry. It stays when enable is false.
    false: it exists, and its owner adds bucket_policy_json.
  EOT
  type        = bool
  default     = false
  nullable    = false
}

variable "remove_bucket" {
  description = "Lets go of a bucket that was created here, whatever create_bucket says. S3 refuses while it holds logs."
  type        = bool
  default     = false
  nullable    = false
}

variable "retention_days" {
  description = "Days until logs in a bucket created here are deleted."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days must be a whole number of days, 1 or more."
  }
}

variable "sample_rate" {
  description = "Share of invocations whose logs are pushed. Low, because the Worker is invoked for every metric; counts come from the metrics, not from here."
  type        = number
  default     = 0.01
  nullable    = false

  validation {
    condition     = var.sample_rate > 0 && var.sample_rate <= 1
    error_message = "sample_rate must be over 0 and at most 1; 0.01 is 1 %."
  }
}

variable "field_names" {
  description = "Fields of workers_trace_events to push."
  type        = list(string)
  default = [
    "EventTimestampMs", "EventType", "Entrypoint", "Outcome", "ScriptName", "ScriptVersion", "Exceptions", "Logs",
    "CPUTimeMs", "WallTimeMs",
  ]
  nullable = false

  validation {
    condition     = contains(var.field_names, "Logs") && contains(var.field_names, "ScriptName")
    error_message = "field_names must have Logs (the Worker's events) and ScriptName (what pipelines tell Workers apart by)."
  }
}

variable "ownership_token" {
  description = "Ownership challenge token, read from the bucket by hand. null: see ownership_proven."
  type        = string
  default     = null
  sensitive   = true
}

variable "ownership_proven" {
  description = <<-EOT
    false: ask Cloudflare for an ownership challenge and read its token from the bucket, which needs s3:GetObject.
    true: the job exists, so no challenge is asked for and its file may be deleted or expire. Set it after the first apply.
  EOT
  type        = bool
  default     = false
  nullable    = false
}
