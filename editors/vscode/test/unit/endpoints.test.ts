import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { baseOf, listModels, type Shape } from "../../src/endpoints";

describe("the address of an own endpoint", () => {
  it.each([
    ["http://localhost:8000/v1", "http://localhost:8000/v1"],
    ["  https://models.example.org/v1/ ", "https://models.example.org/v1"],
    ["https://models.example.org/api/v1/chat/completions", "https://models.example.org/api/v1"],
    ["https://gateway.example.org/v1/messages", "https://gateway.example.org/v1"],
    ["https://gateway.example.org/v1/models?x=1#y", "https://gateway.example.org/v1"],
    ["HTTPS://Gateway.example.org", "https://gateway.example.org"],
  ])("%s is kept as %s", (given, kept) => {
    expect(baseOf(given)).toBe(kept);
  });

  it.each([
    "",
    "localhost:8000",
    "ftp://a.example.org",
    "file:///etc/passwd",
    "http://",
    "javascript:alert(1)",
    "https://ada:key@a.org",
  ])("%j is invalid", (given) => {
    expect(baseOf(given)).toBeUndefined();
  });
});

describe("the models of an own endpoint", () => {
  let server: Server | undefined;
  const seen: { url: string; headers: IncomingMessage["headers"] }[] = [];

  afterEach(() => {
    server?.close();
    seen.length = 0;
  });

  async function serve(answers: Readonly<Record<string, readonly [number, string, Record<string, string>?]>>): Promise<string> {
    const made = createServer((request, response) => {
      seen.push({ url: request.url ?? "", headers: request.headers });
      const [status, body, headers = {}] = answers[request.url ?? ""] ?? [404, "{}"];
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
    });
    server = made;
    await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
  }

  const LIST = JSON.stringify({ data: [{ id: "small" }, { id: "large" }, { id: "small" }, { id: "with space" }, { id: 7 }] });
  const of = (shape: Shape, base: string, key = "") => listModels({ shape, base, key }, fetch);

  it("are listed once each, with the key sent as its API expects", async () => {
    const url = await serve({ "/v1/models": [200, LIST] });
    expect((await of("openai", `${url}/v1`, "k1")).models).toEqual(["small", "large"]);
    expect(seen.at(-1)?.headers.authorization).toBe("Bearer k1");
    expect((await of("anthropic", url, "k2")).models).toEqual(["small", "large"]);
    expect(seen.at(-1)?.headers["x-api-key"]).toBe("k2");
    expect(seen.at(-1)?.headers.authorization).toBeUndefined();
  });

  it("are found if the version is missing in the address, which is completed", async () => {
    const url = await serve({ "/v1/models": [200, LIST] });
    expect((await of("openai", url)).endpoint.base).toBe(`${url}/v1`);
  });

  it("are empty without an error if the server lists none", async () => {
    const url = await serve({ "/v1/models": [200, "<html>"] });
    expect(await of("openai", url)).toEqual({ endpoint: { shape: "openai", base: url, key: "" }, models: [] });
  });

  it("cannot be listed if the key is refused or nothing answers", async () => {
    const url = await serve({ "/v1/models": [401, "{}"] });
    await expect(of("openai", `${url}/v1`, "wrong")).rejects.toMatchObject({ kind: "keyRefused" });
    await expect(of("openai", "http://127.0.0.1:9/v1", "secret-key")).rejects.toMatchObject({
      kind: "endpointSilent",
      text: expect.not.stringContaining("secret-key") as string,
    });
  });

  it("are not requested from a redirect's target, which could get the key", async () => {
    const url = await serve({
      "/v1/models": [302, "", { location: "/elsewhere" }],
      "/elsewhere": [200, LIST],
    });
    expect((await of("openai", `${url}/v1`, "k")).models).toEqual([]);
    expect(seen.map((one) => one.url)).toEqual(["/v1/models"]);
  });
});
