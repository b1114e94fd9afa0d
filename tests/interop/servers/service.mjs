// The service in the form that protobuf-es needs, from the .proto itself. Nothing is generated or
// committed.

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor.js";

export function loadService(file) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorsOf(file)));
  return registry.getService("marqo.metrics.v1.MetricsIngest");
}

/** The compiled proto, a FileDescriptorSet. */
export function descriptorsOf(file) {
  const set = protobuf.loadSync(file).toDescriptor("proto3");
  for (const one of set.file) qualify(one);
  return descriptor.FileDescriptorSet.encode(set).finish();
}

// protobufjs leaves the type names of fields relative. A descriptor has the full names.
function qualify({ package: scope, messageType }) {
  for (const message of messageType) {
    for (const field of message.field) {
      if (!field.typeName) continue;
      const nested = message.nestedType.some(({ name }) => name === field.typeName);
      field.typeName = `.${scope}.${nested ? `${message.name}.` : ""}${field.typeName}`;
    }
  }
}
