import { expect, it } from "vitest";
import { Backoff } from "../../src/backoff";

it("waits longer after each failure, and gives up after the last attempt", () => {
  const backoff = new Backoff(() => 0, 500, 3000, 60_000, 4);
  expect([1, 2, 3, 4, 5].map(() => backoff.ended())).toEqual([500, 1000, 2000, 3000, undefined]);
});

it("forgets earlier failures once a server has run for a while", () => {
  let now = 1;
  const backoff = new Backoff(() => now, 500, 30_000, 60_000, 4);
  backoff.ended();
  backoff.ended();
  backoff.started();
  now += 60_000;
  expect(backoff.ended()).toBe(500);
});

it("does not forget them for a server that ends soon", () => {
  let now = 1;
  const backoff = new Backoff(() => now, 500, 30_000, 60_000, 4);
  backoff.started();
  now += 1000;
  backoff.ended();
  backoff.started();
  now += 1000;
  expect(backoff.ended()).toBe(1000);
});

it("starts over when a person starts the server", () => {
  const backoff = new Backoff(() => 0, 500, 30_000, 60_000, 1);
  backoff.ended();
  backoff.reset();
  expect(backoff.ended()).toBe(500);
});
