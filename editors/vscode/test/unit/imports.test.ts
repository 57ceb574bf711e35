// No file imports itself through others. Imports of types alone count: they tie files together as much as any other.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";

const ROOT = path.join(import.meta.dirname, "../..");

type Graph = ReadonlyMap<string, readonly string[]>;

/** Every source file with the files of ours that it imports, as paths below the root without their extensions. */
function importsOf(folders: readonly string[]): Graph {
  const files = folders.flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => /\.tsx?$/.test(file) && !file.endsWith(".d.ts"))
      .map((file) => path.posix.join(folder, file.replaceAll("\\", "/"))),
  );
  const names = new Map(files.map((file) => [file.replace(/(\/index)?\.tsx?$/, ""), file]));
  return new Map(
    [...names].map(([name, file]) => {
      const { importedFiles } = ts.preProcessFile(readFileSync(path.join(ROOT, file), "utf8"));
      const imported = importedFiles
        .filter(({ fileName }) => fileName.startsWith("."))
        .map(({ fileName }) => path.posix.join(path.posix.dirname(file), fileName))
        .map((target) => target.replace(/\/index$/, ""));
      return [name, imported.filter((target) => names.has(target))];
    }),
  );
}

/** Each cycle once, as the way through it. */
function cyclesOf(graph: Graph): string[] {
  const cycles = new Map<string, string>();
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): void => {
    const at = trail.indexOf(name);
    if (at >= 0) {
      const cycle = trail.slice(at);
      cycles.set(cycle.toSorted().join(), [...cycle, name].join(" → "));
      return;
    }
    if (done.has(name)) return;
    for (const target of graph.get(name) ?? []) visit(target, [...trail, name]);
    done.add(name);
  };
  for (const name of graph.keys()) visit(name, []);
  return [...cycles.values()];
}

it("finds a cycle through several files, and one of a file with itself", () => {
  const graph = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["a", "d"]],
    ["d", ["d"]],
  ]);
  expect(cyclesOf(graph)).toEqual(["a → b → c → a", "d → d"]);
});

it("sees imports of types", () => {
  expect(importsOf(["src"]).get("src/panel/messages")).toContain("src/folding/openSession");
});

it("there is no import cycle", () => {
  expect(cyclesOf(importsOf(["src", "webview"]))).toEqual([]);
});
