import { describe, expect, it } from "vitest";
import { age, ago } from "../../src/relativeTime";

const now = Date.parse("2026-03-01T12:00:00Z");

describe("how long ago something was", () => {
  it.each([
    ["2026-03-01T11:59:30Z", "now", "just now"],
    ["2026-03-01T11:59:00Z", "1 min", "1 min ago"],
    ["2026-03-01T09:00:00Z", "3 h", "3 h ago"],
    ["2026-02-27T12:00:00Z", "2 d", "2 d ago"],
    ["2026-02-10T12:00:00Z", "2 w", "2 w ago"],
    ["2025-12-01T12:00:00Z", "3 mo", "3 mo ago"],
    ["2024-01-01T12:00:00Z", "2 y", "2 y ago"],
    ["2026-03-01T12:05:00Z", "now", "just now"], // another machine's clock is ahead
  ])("of %s is %s", (at, short, long) => {
    expect(age(at, now)).toBe(short);
    expect(ago(at, now)).toBe(long);
  });
});
