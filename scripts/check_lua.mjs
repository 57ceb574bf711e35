// Checks the format of the Neovim plugin's Lua (stylua), and finds undefined names in it. With --write it fixes the format.
// Both tools come from npm, with the packages of the VS Code extension.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../editors/vscode/package.json", import.meta.url));
const stylua = await import(pathToFileURL(require.resolve("@johnnymorganz/stylua")));
const luaparse = require("luaparse");

const LUA = ["_G", "assert", "dofile", "error", "io", "ipairs", "math", "next", "os", "package", "pairs", "pcall", "print"];
const MORE = ["rawget", "require", "select", "setmetatable", "string", "table", "tonumber", "tostring", "type", "unpack", "xpcall"];
const KNOWN = new Set([...LUA, ...MORE, "coroutine", "debug", "vim"]);

function format(text) {
  const config = stylua.Config.new();
  config.column_width = 130;
  config.indent_type = stylua.IndentType.Spaces;
  config.indent_width = 2;
  config.quote_style = stylua.QuoteStyle.AutoPreferSingle;
  return stylua.formatCode(text, config, undefined, stylua.OutputVerification.None);
}

function undefinedNames(text) {
  const tree = luaparse.parse(text, { scope: true, locations: true, luaVersion: "LuaJIT", encodingMode: "x-user-defined" });
  return tree.globals.filter(({ name }) => !KNOWN.has(name)).map(({ name, loc }) => `${loc.start.line}: nothing defines ${name}`);
}

const write = process.argv.includes("--write");
const files = execFileSync("git", ["ls-files", "*.lua"], { encoding: "utf-8" }).split("\n").filter(Boolean);
let problems = 0;
const report = (problem) => {
  problems += 1;
  console.error(problem);
};
for (const file of files) {
  const text = readFileSync(file, "utf-8");
  const generated = text.includes("Do not edit.");
  let formatted;
  try {
    formatted = generated ? text : format(text);
  } catch (error) {
    report(`${file}: ${error}`);
    continue;
  }
  if (formatted !== text && write) writeFileSync(file, formatted);
  else if (formatted !== text) report(`${file} is not formatted: run \`make fix\`.`);
  // luaparse reads bytes as characters; names are ASCII.
  for (const problem of undefinedNames(Buffer.from(text, "utf-8").toString("latin1").replace(/[\x80-\xff]/g, "?"))) {
    report(`${file}:${problem}`);
  }
}
process.exitCode = problems ? 1 : 0;
