import { describe, expect, it } from "vitest";
import { fileNames } from "../../src/fileNames";

describe("the names of exported sessions", () => {
  it("are their titles, without characters that file systems do not allow", () => {
    expect(fileNames(["Why does a/b: c fail?", "  ..  ", "con", "../../etc/passwd"], "md", [])).toEqual([
      "Why does a b c fail.md",
      "Session.md",
      "Session con.md",
      "etc passwd.md",
    ]);
  });

  it("are unique, ignoring case, also among existing files", () => {
    expect(fileNames(["Parser", "parser", "Lexer"], "md", ["PARSER.md", "lexer 2.md"])).toEqual([
      "Parser 2.md",
      "parser 3.md",
      "Lexer.md",
    ]);
  });

  it("are limited in length", () => {
    const [name = ""] = fileNames(["😀".repeat(200)], "json", []);
    expect(Array.from(name).length).toBeLessThan(90);
    expect(name).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
  });
});
