output "binding" {
  description = "Element for `bindings` of the caller's cloudflare_workers_script. It cannot carry labels: the provider's bindings have no props."
  value = {
    name       = var.binding_name
    type       = "service"
    service    = var.script_name
    entrypoint = local.entrypoint
  }
}

output "wrangler_jsonc" {
  description = "The same for a caller deployed by wrangler, to merge into its wrangler.jsonc; with the labels."
  value       = jsonencode(local.wrangler)
}

output "wrangler_toml" {
  description = "The same for a wrangler.toml."
  value = join("\n", compact([
    "[[services]]",
    "binding = ${jsonencode(var.binding_name)}",
    "service = ${jsonencode(var.script_name)}",
    "entrypoint = ${jsonencode(local.entrypoint)}",
    length(var.labels) == 0 ? "" : "props = { labels = { ${local.toml_labels} } }",
  ]))
}
