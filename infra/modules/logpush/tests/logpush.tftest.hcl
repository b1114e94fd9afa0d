mock_provider "cloudflare" {
  mock_resource "cloudflare_logpush_ownership_challenge" {
    defaults = {
      filename = "cell1-dev-metrics-gateway-worker-logs/20261123/ownership-challenge.txt"
    }
  }
}

mock_provider "aws" {
  mock_data "aws_s3_object" {
    defaults = {
      body = "a-challenge-token"
    }
  }
}

variables {
  account_id  = "0123456789abcdef0123456789abcdef"
  script_name = "cell1-dev-metrics-gateway-worker"
  bucket      = "example-logs"
  region      = "eu-central-1"
}

run "pushes_this_workers_logs_alone" {
  command = apply

  assert {
    condition     = jsondecode(cloudflare_logpush_job.worker[0].filter) == { where = { key = "ScriptName", operator = "eq", value = "cell1-dev-metrics-gateway-worker" } }
    error_message = "the job must be filtered by the script's name"
  }
  assert {
    condition     = cloudflare_logpush_job.worker[0].dataset == "workers_trace_events" && cloudflare_logpush_job.worker[0].enabled
    error_message = "the job must push workers_trace_events"
  }
  assert {
    condition     = cloudflare_logpush_job.worker[0].output_options.sample_rate == 0.01
    error_message = "one invocation in a hundred must be the default"
  }
  assert {
    condition     = nonsensitive(cloudflare_logpush_job.worker[0].destination_conf) == "s3://example-logs/cell1-dev-metrics-gateway-worker-logs/{DATE}?region=eu-central-1&sse=AES256"
    error_message = "the job's name must be the prefix"
  }
  assert {
    condition     = output.job_name == "cell1-dev-metrics-gateway-worker-logs"
    error_message = "the job must be named <script>-logs"
  }
  assert {
    condition     = length(setsubtract(["Logs", "Exceptions", "Outcome", "Entrypoint", "EventType", "CPUTimeMs"], cloudflare_logpush_job.worker[0].output_options.field_names)) == 0
    error_message = "the fields that explain a failure must be pushed"
  }
}

run "proves_that_the_bucket_is_ours" {
  command = apply

  assert {
    condition     = length(cloudflare_logpush_ownership_challenge.bucket) == 1 && data.aws_s3_object.challenge[0].key == "cell1-dev-metrics-gateway-worker-logs/20261123/ownership-challenge.txt"
    error_message = "the challenge must be read from where Cloudflare wrote it"
  }
  assert {
    condition     = nonsensitive(cloudflare_logpush_job.worker[0].ownership_challenge) == "a-challenge-token"
    error_message = "the token must be given back with the job"
  }
}

run "a_given_token_needs_no_challenge" {
  command = plan
  variables {
    ownership_token = "read-by-hand"
  }

  assert {
    condition     = length(cloudflare_logpush_ownership_challenge.bucket) == 0 && length(data.aws_s3_object.challenge) == 0
    error_message = "nothing may be asked for or read"
  }
}

run "a_proven_bucket_is_not_asked_again" {
  command = plan
  variables {
    ownership_proven = true
  }

  assert {
    condition     = length(cloudflare_logpush_ownership_challenge.bucket) == 0 && length(data.aws_s3_object.challenge) == 0 && length(cloudflare_logpush_job.worker) == 1
    error_message = "the job must stay and nothing may be read, so that the challenge's file may expire"
  }
}

run "leaves_a_foreign_bucket_alone" {
  command = plan

  assert {
    condition     = length(aws_s3_bucket.logs) + length(aws_s3_bucket_policy.logs) + length(aws_s3_bucket_lifecycle_configuration.logs) == 0
    error_message = "a bucket that exists already must not be touched"
  }
  assert {
    condition     = jsondecode(output.bucket_policy_json).Statement[0].Resource == "arn:aws:s3:::example-logs/cell1-dev-metrics-gateway-worker-logs/*"
    error_message = "its owner must be given the policy to merge"
  }
}

run "makes_a_private_bucket" {
  command = plan
  variables {
    create_bucket  = true
    retention_days = 30
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.logs[0].block_public_policy && aws_s3_bucket_public_access_block.logs[0].restrict_public_buckets
    error_message = "the bucket must not be public"
  }
  assert {
    condition     = [for s in jsondecode(aws_s3_bucket_policy.logs[0].policy).Statement : "${s.Effect} ${jsonencode(s.Action)}"] == ["Allow \"s3:PutObject\"", "Deny \"s3:*\""]
    error_message = "Logpush may write, nobody may come without TLS, and nothing else is granted"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.logs[0].rule[0].expiration[0].days == 30
    error_message = "logs must expire"
  }
}

run "off_means_nothing_is_there" {
  command = plan
  variables {
    enable = false
    bucket = null
  }

  assert {
    condition     = length(cloudflare_logpush_job.worker) + length(cloudflare_logpush_ownership_challenge.bucket) + length(aws_s3_bucket.logs) == 0 && output.job_name == null
    error_message = "no resource may be left when the job is off"
  }
}

run "the_bucket_outlives_the_job" {
  command = plan
  variables {
    enable        = false
    create_bucket = true
  }

  assert {
    condition     = length(cloudflare_logpush_job.worker) == 0 && length(aws_s3_bucket.logs) == 1 && length(aws_s3_bucket_lifecycle_configuration.logs) == 1
    error_message = "switching the job off must leave the bucket and its expiry"
  }
}

run "the_bucket_goes_by_its_own_setting" {
  command = plan
  variables {
    enable        = false
    create_bucket = true
    remove_bucket = true
  }

  assert {
    condition     = length(aws_s3_bucket.logs) + length(aws_s3_bucket_policy.logs) + length(aws_s3_bucket_public_access_block.logs) == 0
    error_message = "remove_bucket must win"
  }
}

run "a_bucket_needs_a_name" {
  command = plan
  variables {
    enable        = false
    create_bucket = true
    bucket        = null
  }
  expect_failures = [aws_s3_bucket.logs[0]]
}

run "a_job_needs_a_bucket" {
  command = plan
  variables {
    bucket           = null
    ownership_proven = true
  }
  expect_failures = [cloudflare_logpush_job.worker[0]]
}

run "one_job_for_several_workers" {
  command = plan
  variables {
    other_script_names = ["cell1-dev-checkout", "cell1-dev-search"]
  }

  assert {
    condition = jsondecode(cloudflare_logpush_job.worker[0].filter) == { where = { or = [
      { key = "ScriptName", operator = "eq", value = "cell1-dev-metrics-gateway-worker" },
      { key = "ScriptName", operator = "eq", value = "cell1-dev-checkout" },
      { key = "ScriptName", operator = "eq", value = "cell1-dev-search" },
    ] } }
    error_message = "the filter must let each of them through"
  }
}

run "bad_values_are_refused" {
  command = plan
  variables {
    account_id     = "x"
    bucket         = "s3://example-logs/path"
    region         = "Frankfurt"
    job_name       = "logs/of the worker"
    sample_rate    = 0
    retention_days = 0
    field_names    = ["Outcome"]

    other_script_names = ["Not a Worker"]
  }
  expect_failures = [
    var.account_id, var.bucket, var.region, var.job_name, var.sample_rate, var.retention_days, var.field_names, var.other_script_names,
  ]
}

run "a_sample_rate_in_percent_is_refused" {
  command = plan
  variables {
    sample_rate = 100
  }
  expect_failures = [var.sample_rate]
}
