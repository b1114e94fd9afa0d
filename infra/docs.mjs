#!/usr/bin/env node
// Writes the tables of inputs and outputs into each module's README.md and that of the stack. --check: says which are
// not up to date, and changes nothing.

import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import hcl from "hcl2-parser";

const INFRA = dirname(fileURLToPath(import.meta.url));
const MARK = "<!-- Below: written by `node infra/docs.mjs` from variables.tf and outputs.tf. -->";

const check = process.argv.includes("--check");
const modules = readdirSync(join(INFRA, "modules")).map((name) => join(INFRA, "modules", name));
for (const folder of [INFRA, ...modules]) {
  const path = join(folder, "README.md");
  const old = existsSync(path) ? readFileSync(path, "utf8") : "";
  const [written] = old.split(MARK);
  const page = `${written}${MARK}\n\n${tables(folder)}`;
  if (page === old) continue;
  if (check) {
    console.error(`${relative(process.cwd(), path)} is not up to date: node infra/docs.mjs`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, page);
  }
}

function tables(folder) {
  const inputs = blocks(join(folder, "variables.tf"), "variable").map(([name, input]) => {
    const standard = "default" in input ? code(JSON.stringify(input.default)) : "required";
    return [code(name), code(type(input)), standard, text(input.description)];
  });
  const outputs = blocks(join(folder, "outputs.tf"), "output").map(([name, output]) => [
    code(name),
    `${text(output.description)}${output.sensitive ? " Sensitive." : ""}`,
  ]);
  return [
    `## Inputs\n\n${table(["name", "type", "default", "what it is"], inputs)}`,
    `## Outputs\n\n${table(["name", "what it is"], outputs)}`,
  ].join("\n");
}

/** The file's blocks of that kind in the order of their names, as [name, attributes]. */
function blocks(path, kind) {
  const [parsed, error] = hcl.parseToObject(readFileSync(path, "utf8"));
  if (error) throw new Error(`${path}: ${error}`);
  return Object.entries(parsed[kind] ?? {})
    .map(([name, [attributes]]) => [name, attributes])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The parser gives an expression as the text of a template. */
function type({ type: expression }) {
  const lines = expression.replace(/^\$\{([^]*)\}$/, "$1");
  return lines.replace(/\{\n\s*/g, "{ ").replace(/\n\s*\}/g, " }").replace(/\n\s*/g, ", ").replace(/\s+/g, " ");
}

function text(description) {
  return description.trim().replace(/\s+/g, " ").replaceAll("|", "\\|").replaceAll("<", "\\<");
}

function code(value) {
  return `\`${value.replaceAll("|", "\\|")}\``;
}

function table(head, rows) {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |\n`).join("");
}
