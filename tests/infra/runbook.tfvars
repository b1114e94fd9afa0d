# The lines that the older runbook has its readers write, and no others.
enable_grpc_metrics_gateway               = true
enable_grpc_metrics_gateway_tunnel        = true
grpc_metrics_gateway_tunnel_route_network = ""
grpc_metrics_gateway_tunnel_replicas      = 2
cloudflared_image                         = "cloudflare/cloudflared:2025.7.0"

enable_metrics_gateway_cloudflare_worker = true
metrics_gateway_worker_vpc_service_id    = "0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"

enable_cloudflare_log_analytics = true
cloudflare_logpush_job_names    = ["cell1-prod2-global-worker-logs", "cell1-prod2-metrics-gateway-worker-logs"]
