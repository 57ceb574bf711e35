// Waiting for what a test relies on.
import net from "node:net";

/** Waits until the condition returns something truthy, and returns that. */
export async function until(condition, description, timeout = 60_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > end) throw new Error(`Waited in vain for ${description}.`);
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

/** Ends a process and waits for its exit. */
export async function stopProcess(child) {
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await exited;
}
