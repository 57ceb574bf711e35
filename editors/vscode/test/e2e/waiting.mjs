// Waiting for what a test relies on.
import net from "node:net";

export async function until(what, words, timeout = 60_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const found = await what();
    if (found) return found;
    if (Date.now() > end) throw new Error(`Waited in vain for ${words}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export async function ended(child) {
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await gone;
}
