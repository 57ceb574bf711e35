// Generates src/generated/protocol.ts, the types of the protocol, from docs/protocol.schema.json.
// With --check it only fails if the file is out of date.
import fs from "node:fs";
import { compile } from "json-schema-to-typescript";

const schemaFile = new URL("../../../docs/protocol.schema.json", import.meta.url);
const typesFile = new URL("../src/generated/protocol.ts", import.meta.url);

const schema = JSON.parse(fs.readFileSync(schemaFile, "utf8"));
const given = resultTypes(schema.methods, schema.$defs);

for (const [name, definition] of Object.entries(schema.$defs)) refine(definition, given.has(name));
shareUnions(schema.$defs);

const root = {
  title: "Definitions",
  type: "object",
  additionalProperties: false,
  properties: Object.fromEntries(Object.keys(schema.$defs).map((name) => [name, { $ref: `#/$defs/${name}` }])),
  $defs: schema.$defs,
};
const types = await compile(root, "Definitions", {
  bannerComment: "// Generated from docs/protocol.schema.json by `npm run generate`. Do not edit.",
  additionalProperties: false,
  style: { singleQuote: true, printWidth: 130 },
});
const text = `${withoutRoot(types)}\n${methodTable(schema.methods)}`;

if (process.argv.includes("--check")) {
  const found = fs.existsSync(typesFile) ? fs.readFileSync(typesFile, "utf8").replaceAll("\r\n", "\n") : "";
  if (found !== text) {
    console.error("src/generated/protocol.ts is stale: run `npm run generate` and commit it.");
    process.exit(1);
  }
} else {
  fs.mkdirSync(new URL(".", typesFile), { recursive: true });
  fs.writeFileSync(typesFile, text);
}

/** The names of all types that the server sends. In these, a field with a default is always present. */
function resultTypes(methods, definitions) {
  const names = new Set();
  const visit = (node) => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (node === null || typeof node !== "object") return;
    if (typeof node.$ref === "string") {
      const name = node.$ref.split("/").at(-1);
      if (!names.has(name)) {
        names.add(name);
        visit(definitions[name]);
      }
    }
    Object.values(node).forEach(visit);
  };
  for (const { direction, params, result } of Object.values(methods)) {
    visit(direction.startsWith("server") ? params : result);
  }
  return names;
}

/** Removes the titles of fields, which would become type aliases, and marks fields that are always present as required. */
function refine(definition, sent) {
  delete definition.title;
  if (definition.properties === undefined) return;
  const required = new Set(definition.required ?? []);
  for (const [name, field] of Object.entries(definition.properties)) {
    stripTitles(field);
    if (field.const !== undefined && name === "kind") required.add(name);
    if (sent && field.default !== undefined && field.default !== null) required.add(name);
    if (!definition.required?.includes(name)) dropNull(definition.properties, name, field);
  }
  definition.required = [...required];
}

/** In this protocol, an absent optional field is omitted, never null. */
function dropNull(properties, name, field) {
  if (!Array.isArray(field.anyOf)) return;
  const kept = field.anyOf.filter((choice) => choice.type !== "null");
  if (kept.length === field.anyOf.length) return;
  const rest = Object.fromEntries(Object.entries(field).filter(([key]) => key !== "anyOf"));
  properties[name] = kept.length === 1 ? { ...rest, ...kept[0] } : { ...rest, anyOf: kept };
}

/** Replaces copies of the unions `Part` and `Context` with references, and removes fields beside a `$ref`, which would copy the type. */
function shareUnions(definitions) {
  const unions = ["Part", "Context"].map((name) => [name, JSON.stringify(definitions[name].oneOf)]);
  const visit = (node, top) => {
    if (node === null || typeof node !== "object") return;
    for (const [key, child] of Object.entries(node)) {
      visit(child, false);
      if (child?.$ref !== undefined) node[key] = { $ref: child.$ref };
      const union = top
        ? undefined
        : unions.find(([, text]) => child?.oneOf !== undefined && JSON.stringify(child.oneOf) === text);
      if (union !== undefined) node[key] = { $ref: `#/$defs/${union[0]}` };
    }
  };
  visit(definitions, true);
}

function stripTitles(node) {
  if (Array.isArray(node)) return node.forEach(stripTitles);
  if (node === null || typeof node !== "object") return;
  delete node.title;
  Object.values(node).forEach(stripTitles);
}

function withoutRoot(types) {
  return types
    .replace(/export interface Definitions \{[\s\S]*?\n\}\n/, "")
    .replace("export interface Empty {}", "export type Empty = Record<string, never>;");
}

function methodTable(methods) {
  const name = (ref) => (ref?.$ref === undefined ? "Record<string, never>" : ref.$ref.split("/").at(-1));
  const table = (title, words, wanted) => {
    const rows = Object.entries(methods)
      .filter(wanted)
      .map(
        ([method, { params, result }]) =>
          `  '${method}': { params: ${name(params)}${result === undefined ? "" : `; result: ${name(result)}`} };`,
      );
    return `/** ${words} */\nexport interface ${title} {\n${rows.join("\n")}\n}\n`;
  };
  const fromServer = ([, { direction }]) => direction.startsWith("server");
  return [
    table("Requests", "Requests to the server.", (entry) => !fromServer(entry)),
    table("Notifications", "Notifications from the server.", (entry) => fromServer(entry) && entry[1].result === undefined),
    table("ServerRequests", "Requests from the server.", (entry) => fromServer(entry) && entry[1].result !== undefined),
  ].join("\n");
}
