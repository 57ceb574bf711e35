// Bundles the extension's host side and the panel's webview into dist/.
// --watch rebuilds on change, --production leaves out source maps and shortens names.
import fs from "node:fs";
import { createRequire } from "node:module";
import * as esbuild from "esbuild";

const watch = process.argv.includes("--watch");
const production = process.argv.includes("--production");
const common = {
  bundle: true,
  minify: production,
  sourcemap: !production,
  legalComments: "none",
  logLevel: "info",
  target: "es2022",
};

const builds = [
  {
    ...common,
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.js",
    platform: "node",
    format: "cjs",
    external: ["vscode"],
  },
  {
    ...common,
    entryPoints: ["webview/main.tsx"],
    outfile: "dist/webview.js",
    platform: "browser",
    format: "iife",
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".css": "css", ".ttf": "file" },
    assetNames: "[name]",
  },
  {
    ...common,
    // Loaded by the page when there is something to draw.
    entryPoints: ["webview/drawn/formulas.ts", "webview/drawn/diagrams.ts"],
    outdir: "dist",
    platform: "browser",
    format: "iife",
    // The library is long already.
    sourcemap: false,
    minify: true,
  },
];

// Mermaid is one file for a page, and works only as the script of a page.
fs.mkdirSync("dist", { recursive: true });
fs.copyFileSync(createRequire(import.meta.url).resolve("@mermaid-js/tiny"), "dist/mermaid.js");

if (watch) {
  for (const options of builds) await (await esbuild.context(options)).watch();
} else {
  await Promise.all(builds.map((options) => esbuild.build(options)));
}
