// A project from nothing but the README of the TypeScript client.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./paths.mjs";

/**
 * The files that the README shows. The paragraph before a code block names its file.
 *
 * @param {string[]} files such as `src/index.ts`
 * @returns {Record<string, string>} their texts, with the `package.json` that any such project has
 */
export function readmeProject(files) {
  const readme = readFileSync(join(ROOT, "clients/typescript/README.md"), "utf8");
  const blocks = [...readme.matchAll(/([^\n]*(?:\n[^\n]+)*)\n\n```\w+\n(.*?)^```$/gms)];
  const project = { "package.json": '{ "name": "shop", "private": true, "type": "module" }\n' };
  for (const file of files) {
    const block = blocks.find(([, before]) => before.includes(`\`${file}\``));
    if (!block) throw new Error(`expected a code block for ${file} in the README of the TypeScript client`);
    project[file] = block[2];
  }
  return project;
}
