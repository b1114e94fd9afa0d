// run.mjs [NAME…]: tests the built Worker against servers of other projects (those whose names
// contain one of the words, or all of them), and prints a table of the results. Fails when a cell
// is wrong. A server that is not available is skipped and reported.

import { CELLS, tryServer } from "./cells.mjs";
import { SERVER_LIST } from "./servers.mjs";

const words = process.argv.slice(2);
const chosen = SERVER_LIST.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (chosen.length === 0) {
  console.error(`no server has a name with any of: ${words.join(", ")}\nThere are:`);
  for (const { name } of SERVER_LIST) console.error(`  ${name}`);
  process.exit(2);
}

const rows = [];
const skipped = [];
const wrong = [];
const notes = [];

for (const server of chosen) {
  const row = { name: server.name };
  process.stderr.write(`${server.name} …\n`);
  try {
    const { missing, title } = await tryServer(server, (cell, { text, note, error }) => {
      if (error) {
        wrong.push(`${server.name}, ${CELLS[cell].title}: ${error.message.split("\n")[0]}`);
        row[cell] = "WRONG";
        return;
      }
      if (note && !notes.includes(note)) notes.push(note);
      row[cell] = note ? `${text} [${notes.indexOf(note) + 1}]` : text;
    });
    if (missing) {
      skipped.push(`${server.name}: ${missing}`);
      continue;
    }
    row.name = title;
  } catch (error) {
    wrong.push(`${server.name}: ${error.message}`);
  }
  rows.push(row);
}

const columns = ["name", ...Object.keys(CELLS)];
const titles = ["server", ...Object.values(CELLS).map(({ title }) => title)];
const table = [titles, ...rows.map((row) => columns.map((column) => row[column] ?? "·"))];
const widths = columns.map((_, i) => Math.max(...table.map((line) => line[i].length)));
const print = (line) => console.log(`| ${line.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`);
print(table[0]);
print(widths.map((width) => "-".repeat(width)));
for (const line of table.slice(1)) print(line);

console.log('\n"OK, a + r": the push was answered OK with so many accepted and rejected. "·": not asked of this server.');
for (const [i, note] of notes.entries()) console.log(`[${i + 1}] ${note}`);
if (skipped.length) console.log(`\nSkipped, because something could not be had here:\n  ${skipped.join("\n  ")}`);
if (wrong.length) console.log(`\nWRONG:\n  ${wrong.join("\n  ")}`);
console.log(`\n${rows.length} servers tried, ${skipped.length} skipped, ${wrong.length} cells wrong`);
process.exitCode = wrong.length ? 1 : 0;
