/** The images of messages. Those of drafts are stored in files, because a draft is sent and stored with each key. */
import { createHash } from "node:crypto";
import * as vscode from "vscode";
import type { Api } from "../api";
import type { Context } from "../protocol";
import { Problem } from "../problem";
import { IMAGE_LIMIT, imageType } from "./imageType";
import { besidePanels } from "./places";

export type ImageContext = Extract<Context, { kind: "image" }>;

/** Milliseconds for which the file of a draft's image is kept. */
const MAX_AGE = 30 * 24 * 60 * 60 * 1000;

export class Images {
  private readonly folder: vscode.Uri;

  /** `storage`: a folder of the extension's own. */
  constructor(
    storage: vscode.Uri,
    private readonly api: Api,
  ) {
    this.folder = vscode.Uri.joinPath(storage, "images");
    void this.clear();
  }

  /** An image as context of a draft. Throws a `Problem` if it is not an image or too large. */
  async keep(bytes: Uint8Array, title: string): Promise<ImageContext> {
    const type = imageType(bytes);
    if (type === undefined) throw new Problem("invalidParams", `${title} is not an image.`, "Send a PNG, JPEG, WebP or GIF.");
    if (bytes.length > IMAGE_LIMIT)
      throw new Problem("invalidParams", `${title} is larger than 5 MiB.`, "Send a smaller image, or a part of it.");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    await vscode.workspace.fs.writeFile(this.file(sha256), bytes);
    return { kind: "image", sha256, title, mimeType: type };
  }

  /** A dropped or chosen file: its URI if the server can read it, else its bytes. */
  async fromFile(uri: vscode.Uri): Promise<ImageContext> {
    const title = vscode.workspace.asRelativePath(uri);
    const kept = await this.keep(await vscode.workspace.fs.readFile(uri), title);
    const inside = uri.scheme === "file" && vscode.workspace.getWorkspaceFolder(uri) !== undefined;
    return inside ? { kind: "image", uri: uri.toString() } : kept;
  }

  /** Images that the person chooses. */
  async choose(): Promise<readonly ImageContext[]> {
    const chosen = await vscode.window.showOpenDialog({
      title: "Attach Image",
      openLabel: "Attach",
      canSelectMany: true,
      filters: { Images: ["png", "jpg", "jpeg", "webp", "gif"] },
    });
    return Promise.all((chosen ?? []).map((uri) => this.fromFile(uri)));
  }

  /** Whether the file begins like an image. */
  async isImage(uri: vscode.Uri): Promise<boolean> {
    try {
      return imageType(await vscode.workspace.fs.readFile(uri)) !== undefined;
    } catch {
      return false;
    }
  }

  /** The context for the server, with the bytes of images that it does not have. */
  async sendable(context: Context): Promise<Context> {
    if (context.kind !== "image" || context.sha256 === undefined) return context;
    const bytes = await this.read(this.file(context.sha256));
    if (bytes === undefined) return context;
    return {
      kind: "image",
      data: Buffer.from(bytes).toString("base64"),
      ...(context.title !== undefined && { title: context.title }),
    };
  }

  /** Stores the images of a sent message, to send them again in another session. */
  async adopt(sessionId: string, contexts: readonly Context[]): Promise<void> {
    for (const context of contexts) {
      if (context.kind !== "image" || context.sha256 === undefined) continue;
      const { data } = await this.api.request("context/image", { sessionId, sha256: context.sha256 });
      await vscode.workspace.fs.writeFile(this.file(context.sha256), Buffer.from(data, "base64"));
    }
  }

  /** The image for the page; undefined if it is not available. */
  async source(sessionId: string, context: ImageContext): Promise<string | undefined> {
    const { sha256, uri } = context;
    const draft = sha256 === undefined ? undefined : await this.read(this.file(sha256));
    if (draft !== undefined) return dataUrl(draft);
    if (sha256 !== undefined) {
      const found = await this.api.request("context/image", { sessionId, sha256 });
      return `data:${found.mimeType};base64,${found.data}`;
    }
    const bytes = uri === undefined ? undefined : await this.read(vscode.Uri.parse(uri));
    return bytes === undefined ? undefined : dataUrl(bytes);
  }

  /** Shows the stored image in an editor, because its original file may have changed. */
  async open(sessionId: string, context: ImageContext): Promise<void> {
    if (context.sha256 === undefined) {
      if (context.uri !== undefined) await show(vscode.Uri.parse(context.uri));
      return;
    }
    let bytes = await this.read(this.file(context.sha256));
    if (bytes === undefined) {
      const { data } = await this.api.request("context/image", { sessionId, sha256: context.sha256 });
      bytes = Buffer.from(data, "base64");
    }
    const type = imageType(bytes)?.slice("image/".length) ?? "png";
    const file = vscode.Uri.joinPath(this.folder, `${context.sha256}.${type}`);
    await vscode.workspace.fs.writeFile(file, bytes);
    await show(file);
  }

  private file(sha256: string): vscode.Uri {
    return vscode.Uri.joinPath(this.folder, sha256);
  }

  private async read(file: vscode.Uri): Promise<Uint8Array | undefined> {
    try {
      return await vscode.workspace.fs.readFile(file);
    } catch {
      return undefined;
    }
  }

  private async clear(): Promise<void> {
    try {
      for (const [name] of await vscode.workspace.fs.readDirectory(this.folder)) {
        const file = vscode.Uri.joinPath(this.folder, name);
        if ((await vscode.workspace.fs.stat(file)).mtime < Date.now() - MAX_AGE) await vscode.workspace.fs.delete(file);
      }
    } catch {
      // The folder does not exist yet.
    }
  }
}

async function show(file: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand("vscode.open", file, { viewColumn: besidePanels() });
}

function dataUrl(bytes: Uint8Array): string | undefined {
  const type = imageType(bytes);
  return type === undefined ? undefined : `data:${type};base64,${Buffer.from(bytes).toString("base64")}`;
}
