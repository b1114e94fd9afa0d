variables {
  script_name = "cell1-dev-metrics-gateway-worker"
}

run "gives_the_binding_for_opentofu" {
  command = plan

  assert {
    condition     = output.binding == { name = "METRICS", type = "service", service = "cell1-dev-metrics-gateway-worker", entrypoint = "MetricsReporter" }
    error_message = "the binding must name the Worker and its entrypoint"
  }
}

run "gives_the_snippets_for_wrangler" {
  command = plan
  variables {
    labels = { worker = "checkout", team = "shop \"1\"" }
  }

  assert {
    condition     = jsondecode(output.wrangler_jsonc).services[0] == { binding = "METRICS", service = "cell1-dev-metrics-gateway-worker", entrypoint = "MetricsReporter", props = { labels = { worker = "checkout", team = "shop \"1\"" } } }
    error_message = "wrangler.jsonc must carry the labels as props"
  }
  assert {
    condition     = output.wrangler_toml == "[[services]]\nbinding = \"METRICS\"\nservice = \"cell1-dev-metrics-gateway-worker\"\nentrypoint = \"MetricsReporter\"\nprops = { labels = { team = \"shop \\\"1\\\"\", worker = \"checkout\" } }"
    error_message = "wrangler.toml must carry the labels as props"
  }
}

run "leaves_props_out_without_labels" {
  command = plan

  assert {
    condition     = !strcontains(output.wrangler_jsonc, "props") && !strcontains(output.wrangler_toml, "props")
    error_message = "no labels, no props"
  }
}

run "a_reserved_label_is_refused" {
  command = plan
  variables {
    labels = { le = "1" }
  }
  expect_failures = [var.labels]
}

run "a_label_with_a_hyphen_is_refused" {
  command = plan
  variables {
    labels = { my-label = "1" }
  }
  expect_failures = [var.labels]
}

run "bad_names_are_refused" {
  command = plan
  variables {
    script_name  = "metrics_gateway worker"
    binding_name = "MY-METRICS"
  }
  expect_failures = [var.script_name, var.binding_name]
}
