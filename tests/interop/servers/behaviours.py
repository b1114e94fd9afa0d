"""What the servers in Python have in common; see behaviours.md."""

import json

import metrics_pb2

MESSAGE = "näme ☺ 100%\nbad"
SLOW_SECONDS = 3


def status_of(request):
    """The status that a request asks for, as a number and a message; None if it is to succeed."""
    name = request.metrics[0].name if request.metrics else ""
    if name.startswith("status_"):
        return int(name.removeprefix("status_")), MESSAGE
    if name == "echo":
        seen = [
            [m.name, m.help if m.HasField("help") else None, m.type, dict(sorted(m.labels.items())), m.value]
            for m in request.metrics
        ]
        return 9, json.dumps(seen, ensure_ascii=False, separators=(",", ":"))
    return None


def is_slow(request):
    return bool(request.metrics) and request.metrics[0].name == "slow"


def answer(request):
    rejected = sum(m.name.startswith("rejected_") for m in request.metrics)
    return metrics_pb2.PushResponse(accepted=len(request.metrics) - rejected, rejected=rejected)
