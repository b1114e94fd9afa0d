locals {
  # Independent of var.enable: logs outlive the job and the Worker that wrote them.
  bucket_count = var.create_bucket && !var.remove_bucket ? 1 : 0

  # The user with which Cloudflare writes, from its guide to the S3 destination.
  cloudflare_logpush_user = "arn:aws:iam::391854517948:user/cloudflare-logpush"

  bucket_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "CloudflareLogpushWrites"
        Effect    = "Allow"
        Principal = { AWS = local.cloudflare_logpush_user }
        Action    = "s3:PutObject"
        Resource  = "arn:aws:s3:::${local.bucket}/${local.job_name}/*"
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::${local.bucket}", "arn:aws:s3:::${local.bucket}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  }
}

# prevent_destroy accepts no variable, so it is on this state record instead of the bucket: a plan without
# create_bucket fails here until remove_bucket is set. The record stays in the state afterwards.
resource "terraform_data" "bucket_stays_until_remove_bucket" {
  count = var.create_bucket || var.remove_bucket ? 1 : 0

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket" "logs" {
  count = local.bucket_count

  bucket = var.bucket

  lifecycle {
    precondition {
      condition     = var.bucket != null
      error_message = "create_bucket needs the bucket's name (logpush_bucket), with the job switched off, too."
    }
  }
}

resource "aws_s3_bucket_public_access_block" "logs" {
  count = local.bucket_count

  bucket                  = aws_s3_bucket.logs[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "logs" {
  count = local.bucket_count

  bucket = aws_s3_bucket.logs[0].id
  policy = jsonencode(local.bucket_policy)

  depends_on = [aws_s3_bucket_public_access_block.logs]
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  count = local.bucket_count

  bucket = aws_s3_bucket.logs[0].id

  rule {
    id     = "expire-logs"
    status = "Enabled"

    filter {
      prefix = "${local.job_name}/"
    }
    expiration {
      days = var.retention_days
    }
    # Logpush uploads in parts, and leaves them behind when an upload is interrupted.
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}
