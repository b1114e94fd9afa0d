mock_provider "cloudflare" {
  mock_resource "cloudflare_zero_trust_access_service_token" {
    defaults = {
      id            = "11112222-3333-4444-8555-666677778888"
      client_id     = "abc.access"
      client_secret = "s3cret"
      expires_at    = "2027-11-23T00:00:00Z"
    }
  }
  mock_resource "cloudflare_zero_trust_access_policy" {
    defaults = {
      id = "99992222-3333-4444-8555-666677778888"
    }
  }
}

variables {
  account_id = "0123456789abcdef0123456789abcdef"
  name       = "cell1-dev-metrics-gateway-worker"
}

run "is_off_by_default" {
  command = plan

  assert {
    condition     = length(cloudflare_zero_trust_access_service_token.worker) + length(cloudflare_zero_trust_access_policy.worker) + length(cloudflare_zero_trust_access_application.gateway) == 0
    error_message = "nothing may be made unless asked for"
  }
  assert {
    condition     = output.client_id == null && output.client_secret == null && output.policy_id == null
    error_message = "a token that is off has no values"
  }
}

run "makes_a_token_that_its_policy_lets_through" {
  command = apply
  variables {
    enable = true
  }

  assert {
    condition     = cloudflare_zero_trust_access_policy.worker[0].decision == "non_identity"
    error_message = "the policy must take service tokens and no logins"
  }
  assert {
    condition     = [for rule in cloudflare_zero_trust_access_policy.worker[0].include : rule.service_token.token_id] == ["11112222-3333-4444-8555-666677778888"]
    error_message = "the policy must let this token through and no other"
  }
  assert {
    condition     = nonsensitive(output.client_id) == "abc.access" && nonsensitive(output.client_secret) == "s3cret"
    error_message = "id and secret must be outputs for the Worker"
  }
  assert {
    condition     = length(cloudflare_zero_trust_access_application.gateway) == 0
    error_message = "no application without a hostname"
  }
}

run "guards_a_hostname" {
  command = apply
  variables {
    enable           = true
    protect_hostname = "metrics.example.com"
  }

  assert {
    condition     = cloudflare_zero_trust_access_application.gateway[0].domain == "metrics.example.com" && [for p in cloudflare_zero_trust_access_application.gateway[0].policies : p.id] == ["99992222-3333-4444-8555-666677778888"]
    error_message = "the application must have this policy alone"
  }
  assert {
    condition     = cloudflare_zero_trust_access_application.gateway[0].service_auth_401_redirect == true
    error_message = "a refused push must be a 401 and not a redirect to a login page"
  }
}

run "bad_values_are_refused" {
  command = plan
  variables {
    account_id                 = "x"
    name                       = ""
    duration                   = "1 year"
    secret_version             = 0
    previous_secret_expires_at = "tomorrow"
    protect_hostname           = "https://metrics.example.com/"
  }
  expect_failures = [
    var.account_id, var.name, var.duration, var.secret_version, var.previous_secret_expires_at, var.protect_hostname,
  ]
}
