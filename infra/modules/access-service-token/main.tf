resource "cloudflare_zero_trust_access_service_token" "worker" {
  count = var.enable ? 1 : 0

  account_id                        = var.account_id
  name                              = var.name
  duration                          = var.duration
  client_secret_version             = var.secret_version
  previous_client_secret_expires_at = var.previous_secret_expires_at

  lifecycle {
    # A changed duration must not leave the Worker without a valid token in between.
    create_before_destroy = true
  }
}

resource "cloudflare_zero_trust_access_policy" "worker" {
  count = var.enable ? 1 : 0

  account_id = var.account_id
  name       = var.name
  # Service Auth: only the token, no person's login.
  decision = "non_identity"
  include  = [{ service_token = { token_id = cloudflare_zero_trust_access_service_token.worker[0].id } }]
}

resource "cloudflare_zero_trust_access_application" "gateway" {
  count = var.enable && var.protect_hostname != null ? 1 : 0

  account_id = var.account_id
  name       = var.name
  type       = "self_hosted"
  domain     = var.protect_hostname
  # A Worker cannot follow a redirect to a login page, so it gets a 401.
  service_auth_401_redirect = true
  app_launcher_visible      = false
  policies                  = [{ id = cloudflare_zero_trust_access_policy.worker[0].id, precedence = 1 }]
}
