import { describe, expect, it } from "vitest";
import { countOf, stepOf, whyFailed } from "../../src/pip";

describe("what pip says", () => {
  it("names one package for each line of the list", () => {
    expect(stepOf("Collecting aiohttp==3.14.5 (from -r requirements.txt (line 6))")).toEqual({
      kind: "package",
      name: "aiohttp",
    });
    expect(stepOf("Processing /files/annotated_types-0.8.0-py3-none-any.whl (from -r r.txt (line 1))")).toEqual({
      kind: "package",
      name: "annotated-types",
    });
    expect(stepOf("Processing c:\\files\\jaraco.text-1.0-py3-none-any.whl")).toEqual({ kind: "package", name: "jaraco.text" });
    expect(stepOf(`Ignoring pywin32: markers 'sys_platform == "win32"' don't match your environment`)).toEqual({
      kind: "package",
      name: "pywin32",
    });
  });
  it("shows when packages are installed, and ignores other lines", () => {
    expect(stepOf("Installing collected packages: zipp, urllib3")).toEqual({ kind: "installing" });
    for (const line of ["Looking in indexes: https://example.org", "  Downloading aiohttp-3.14.5.whl (1.9 MB)", "", "WARNING: x"])
      expect(stepOf(line)).toBeUndefined();
  });
  it("is counted against the list", () => {
    expect(countOf("# made by\na==1 \\\n    --hash=sha256:0\nb-c==2 ; sys_platform == 'win32' \\\n    --hash=sha256:1\n")).toBe(
      2,
    );
  });
});

describe("the reason of a failure", () => {
  const hint = (...lines: string[]) => whyFailed(lines).hint;
  it("is the cause, not pip's conclusion", () => {
    const offline = [
      "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(': Failed to establish')'",
      "ERROR: Could not find a version that satisfies the requirement x==1 (from versions: none)",
      "ERROR: No matching distribution found for x==1",
    ];
    expect(hint(...offline)).toMatch(/network/);
    expect(hint(...offline.slice(1))).toMatch(/another Python/);
  });
  it("is explained for changed packages, a full disk, certificates and builds", () => {
    expect(hint("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.")).toMatch(/Try again/);
    expect(hint("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")).toMatch(
      /Free some space/,
    );
    expect(hint("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))")).toMatch(/certificate/);
    expect(hint("error: subprocess-exited-with-error")).toMatch(/another Python/);
  });
  it("refers to the output if it is unknown", () => {
    expect(whyFailed(["ERROR: something else"]).text).toMatch(/output/);
  });
});
