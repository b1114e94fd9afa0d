# The modules that use the values also check them: modules/*/variables.tf.

variable "account_id" {
  description = "Cloudflare account."
  type        = string
}

variable "cell" {
  description = "Cell, first part of every name."
  type        = string
}

variable "env" {
  description = "Environment, second part of every name. scripts/deploy.sh refuses a tfvars file whose env is not its own."
  type        = string
}

variable "revision" {
  description = "Git revision of the build. scripts/deploy.sh sets it."
  type        = string
  default     = null
}

variable "verify_args" {
  description = "For scripts/deploy.sh, which reads it from the tfvars: arguments with which scripts/verify verifies this environment, separated by blanks, e.g. \"--caller https://caller.example.com --kubectl\"."
  type        = string
  default     = null
}

# -- the Worker --

variable "enable_metrics_gateway_cloudflare_worker" {
  description = "Whether the Worker exists."
  type        = bool
  default     = false
}

variable "metrics_gateway_worker_vpc_service_id" {
  description = "Id of a VPC service made elsewhere, in place of the one this stack creates."
  type        = string
  default     = null
}

variable "metrics_gateway_worker_gateway_binding" {
  description = "\"vpc_service\" (Path A) or \"vpc_network\" (Path B)."
  type        = string
  default     = "vpc_service"
}

variable "metrics_gateway_worker_vpc_network_id" {
  description = "Path B: a network such as \"cf1:network\" in place of this stack's tunnel."
  type        = string
  default     = null
}

variable "metrics_gateway_worker_settings" {
  description = "The Worker's vars, e.g. { FLUSH_INTERVAL_MS = 500 }. What is not given keeps the Worker's default."
  type        = map(string)
  default     = {}
}

variable "metrics_gateway_worker_cpu_ms" {
  description = "Most CPU time one invocation may use, in ms; null leaves the plan's default."
  type        = number
  default     = null
}

variable "metrics_gateway_worker_build_dir" {
  description = "Folder with index.js and index_bg.wasm. null is dist/ of this repository."
  type        = string
  default     = null
}

# -- the gateway --

variable "enable_grpc_metrics_gateway" {
  description = "Whether this stack makes the gateway. Leave it false where another stack does."
  type        = bool
  default     = false
}

variable "grpc_metrics_gateway_namespace" {
  description = "Namespace of the gateway, made here or elsewhere."
  type        = string
  default     = "metrics-gateway"
}

variable "grpc_metrics_gateway_service_name" {
  description = "Name of the gateway's Service, made here or elsewhere."
  type        = string
  default     = "grpc-metrics-gateway"
}

variable "grpc_metrics_gateway_create_namespace" {
  description = "Whether the namespace is made together with the gateway."
  type        = bool
  default     = true
}

variable "grpc_metrics_gateway_image" {
  description = "Image of the gateway. null is the gateway module's default."
  type        = string
  default     = null
}

variable "grpc_metrics_gateway_replicas" {
  description = "Gateway pods. GATEWAY_DEDUPES is refused with more than one."
  type        = number
  default     = 2
}

variable "grpc_metrics_gateway_extra_args" {
  description = "More flags of the gateway, e.g. [\"--series-ttl=24h\"]."
  type        = list(string)
  default     = []
}

variable "enable_grpc_metrics_gateway_network_policy" {
  description = "Whether a NetworkPolicy limits who reaches the gateway: the connector and Prometheus."
  type        = bool
  default     = true
}

variable "prometheus_namespace" {
  description = "Namespace of the Prometheus that reads the gateway."
  type        = string
  default     = "monitoring"
}

variable "prometheus_labels" {
  description = "Labels of its pods. {} is every pod of that namespace."
  type        = map(string)
  default     = { "app.kubernetes.io/name" = "prometheus" }
}

# -- the tunnel --

variable "enable_grpc_metrics_gateway_tunnel" {
  description = "Whether the tunnel and its connector exist."
  type        = bool
  default     = false
}

variable "grpc_metrics_gateway_tunnel_replicas" {
  description = "Connectors."
  type        = number
  default     = 2
}

variable "cloudflared_image" {
  description = "Image of the connector. null is the tunnel module's default."
  type        = string
  default     = null
}

variable "cloudflared_image_digest" {
  description = "Digest of that image, sha256:…, so that the tag cannot move. docs/runbook.md says how to look it up."
  type        = string
  default     = null
}

variable "grpc_metrics_gateway_tunnel_route_network" {
  description = "Path B: the gateway's ClusterIP as a /32 or /128."
  type        = string
  default     = null
}

variable "grpc_metrics_gateway_hostname" {
  description = "The gateway's name inside the cluster. null: <grpc_metrics_gateway_service_name>.<grpc_metrics_gateway_namespace>.svc.cluster.local."
  type        = string
  default     = null
}

variable "grpc_metrics_gateway_port" {
  description = "The gateway's gRPC-Web port, as its Service has it."
  type        = number
  default     = 8080
}

variable "grpc_metrics_gateway_pod_port" {
  description = "The same port as the gateway's pods have it (targetPort). null: as the Service."
  type        = number
  default     = null
}

variable "enable_cloudflared_network_policy" {
  description = "Whether a NetworkPolicy limits what the connector reaches."
  type        = bool
  default     = true
}

variable "kubeconfig_path" {
  description = "kubeconfig for the cluster with the gateway."
  type        = string
  default     = "~/.kube/config"
}

variable "kubeconfig_context" {
  description = "Context in it. Needed where something in the cluster is managed: the current context may be another cluster."
  type        = string
  default     = null
}

# -- logs --

variable "enable_metrics_gateway_worker_logpush" {
  description = "Whether the Logpush job exists."
  type        = bool
  default     = false
}

variable "logpush_bucket" {
  description = "S3 bucket for the logs."
  type        = string
  default     = null
}

variable "logpush_region" {
  description = "AWS region of the bucket."
  type        = string
  default     = "us-east-1"
}

variable "logpush_create_bucket" {
  description = "Whether this stack creates the bucket. It stays when Logpush or the Worker is switched off."
  type        = bool
  default     = false
}

variable "logpush_remove_bucket" {
  description = "Lets go of the bucket that this stack created. S3 refuses while it holds logs."
  type        = bool
  default     = false
}

variable "logpush_other_worker_names" {
  description = "More Workers whose logs the job pushes."
  type        = list(string)
  default     = []
}

variable "cloudflare_logpush_job_names" {
  description = "Jobs that the environment's log pipeline already knows. The output of the same name has this stack's job, too."
  type        = list(string)
  default     = []
}

variable "enable_cloudflare_log_analytics" {
  description = "Whether the environment has a log pipeline (converter to Parquet, compaction, dashboard). The plan then warns while cloudflare_logpush_job_names lacks this stack's job."
  type        = bool
  default     = false
}

variable "logpush_job_name" {
  description = "Name of the job. null is <script>-logs."
  type        = string
  default     = null
}

variable "logpush_sample_rate" {
  description = "Share of invocations whose logs are pushed."
  type        = number
  default     = 0.01
}

variable "logpush_ownership_token" {
  description = "Ownership challenge token, when it was read by hand."
  type        = string
  default     = null
  sensitive   = true
}

variable "logpush_ownership_proven" {
  description = "Set to true once the job exists."
  type        = bool
  default     = false
}

# -- defence in depth --

variable "enable_access_service_token" {
  description = "Whether the Worker sends a Cloudflare Access service token with each push."
  type        = bool
  default     = false
}

variable "access_protect_hostname" {
  description = "Hostname that Access guards with the token. null: something in front of the gateway checks it."
  type        = string
  default     = null
}

variable "access_secret_version" {
  description = "Raise by one to get a new client secret; the old one is accepted until access_previous_secret_expires_at."
  type        = number
  default     = null
}

variable "access_previous_secret_expires_at" {
  description = "Until when the secret before the last rotation is accepted, as an RFC 3339 time."
  type        = string
  default     = null
}
