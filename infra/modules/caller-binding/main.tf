locals {
  entrypoint = "MetricsReporter"
  props      = length(var.labels) == 0 ? null : { labels = var.labels }

  wrangler = {
    services = [merge(
      { binding = var.binding_name, service = var.script_name, entrypoint = local.entrypoint },
      local.props == null ? {} : { props = local.props },
    )]
  }

  # A TOML string has the same escapes as a JSON string.
  toml_labels = join(", ", [for name, value in var.labels : "${name} = ${jsonencode(value)}"])
}
