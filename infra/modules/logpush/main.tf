locals {
  count            = var.enable ? 1 : 0
  job_name         = coalesce(var.job_name, "${var.script_name}-logs")
  bucket           = var.bucket == null ? "" : var.bucket
  destination_conf = "s3://${local.bucket}/${local.job_name}/{DATE}?region=${var.region}&sse=AES256"

  one_of = [for name in concat([var.script_name], var.other_script_names) : { key = "ScriptName", operator = "eq", value = name }]

  challenge = var.enable && !var.ownership_proven && nonsensitive(var.ownership_token == null)
}

# Proof that the bucket is ours: Cloudflare writes a token into it, and the job must return that token.
resource "cloudflare_logpush_ownership_challenge" "bucket" {
  count = local.challenge ? 1 : 0

  account_id       = var.account_id
  destination_conf = local.destination_conf

  depends_on = [aws_s3_bucket_policy.logs]
}

data "aws_s3_object" "challenge" {
  count = local.challenge ? 1 : 0

  bucket = var.bucket
  key    = cloudflare_logpush_ownership_challenge.bucket[0].filename

  lifecycle {
    postcondition {
      # The provider reads a body only if the object's type is text.
      condition     = try(length(self.body), 0) > 0
      error_message = "the ownership challenge in ${var.bucket} could not be read as text: read the object by hand and give its content as ownership_token."
    }
  }
}

resource "cloudflare_logpush_job" "worker" {
  count = local.count

  account_id       = var.account_id
  name             = local.job_name
  dataset          = "workers_trace_events"
  enabled          = true
  destination_conf = local.destination_conf
  ownership_challenge = local.challenge ? data.aws_s3_object.challenge[0].body : (
    var.ownership_proven ? null : var.ownership_token
  )

  # The dataset belongs to the account: without the filter, the job would send the logs of every Worker.
  filter = length(local.one_of) == 1 ? jsonencode({ where = local.one_of[0] }) : jsonencode({ where = { or = local.one_of } })

  output_options = {
    field_names = var.field_names
    output_type = "ndjson"
    sample_rate = var.sample_rate
  }

  lifecycle {
    # A token is used once, when the job is created. A later token is not a change.
    ignore_changes = [ownership_challenge]

    precondition {
      condition     = var.bucket != null
      error_message = "the Logpush job needs the bucket's name (logpush_bucket)."
    }
  }

  depends_on = [aws_s3_bucket_policy.logs]
}
