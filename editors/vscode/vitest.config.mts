import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/unit/**/*.test.ts", "test/unit/**/*.test.tsx"],
    // VS Code provides this module to the extension only; tests get a small replacement.
    alias: { vscode: fileURLToPath(new URL("test/unit/vscode.ts", import.meta.url)) },
  },
});
