"""Validates Kubernetes objects, strictly, and prints them as JSON.

validate.py FILE: every document of the YAML file against the schemas of the oldest and the newest Kubernetes that
deploy/kubernetes/README.md speaks of. Prints {"objects": [...], "errors": [...]}.
"""

import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml

VERSIONS = ("1.27", "1.37")
CRDS = {"PodMonitor": "podmonitors.json", "PrometheusRule": "prometheusrules.json"}


def closed(schema):
    """The schema with no property allowed that it does not name: an API server drops those without a word."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(part) for key, part in schema.items()}
    if "properties" in schema and "additionalProperties" not in schema:
        made["additionalProperties"] = False
    return made


def errors_of(document):
    kind = document["kind"]
    if kind in CRDS:
        schema = json.loads(pathlib.Path(__file__).with_name("crds").joinpath(CRDS[kind]).read_text())
        closed_schema = closed(schema)
        closed_schema["properties"]["metadata"] = {"type": "object"}
        found = jsonschema.Draft7Validator(closed_schema).iter_errors(document)
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]
    errors = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            errors.append(f"{version} {'.'.join(map(str, error.path))}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError as error:
            errors.append(error.message)
    return errors


documents = [document for document in yaml.safe_load_all(open(sys.argv[1], encoding="utf-8")) if document]
print(
    json.dumps(
        {
            "objects": documents,
            "errors": [
                f"{document['kind']} {document['metadata']['name']} {error}"
                for document in documents
                for error in errors_of(document)
            ],
        }
    )
)
