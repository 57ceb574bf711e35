/** Detects the image types that the server accepts. Pure. */

/** Bytes of one image. */
export const IMAGE_LIMIT = 5 * 1024 * 1024;

export function imageType(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (head.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (/^GIF8[79]a/.test(head)) return "image/gif";
  return head.startsWith("RIFF") && head.slice(8, 12) === "WEBP" ? "image/webp" : undefined;
}

/** Whether a file name has the extension of an image, to offer it as one. */
export function namedAsImage(path: string): boolean {
  return /\.(?:png|jpe?g|webp|gif)$/i.test(path);
}
