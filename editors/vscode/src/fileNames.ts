/** Names for new files. Pure. */

const MAX_LENGTH = 80; // characters
/** Characters that some file systems do not allow in names, that would hide a file, or that are cut off at its end. */
// eslint-disable-next-line no-control-regex -- not allowed in file names
const INVALID = /[\x00-\x1f<>:"/\\|?*]+/g;
/** Devices of Windows, with any extension. */
const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/** A unique name for each title that is not in `taken`, ignoring case. */
export function fileNames(titles: readonly string[], extension: string, taken: readonly string[]): readonly string[] {
  const used = new Set(taken.map((name) => name.toLowerCase()));
  return titles.map((title) => {
    const stem = stemOf(title);
    for (let number = 1; ; number += 1) {
      const name = `${stem}${number === 1 ? "" : ` ${number}`}.${extension}`;
      if (used.has(name.toLowerCase())) continue;
      used.add(name.toLowerCase());
      return name;
    }
  });
}

function stemOf(title: string): string {
  const plain = Array.from(title.replace(INVALID, " ").replace(/\s+/g, " "))
    .slice(0, MAX_LENGTH)
    .join("")
    .replace(/^[\s.]+|[\s.]+$/g, "");
  return plain === "" || DEVICES.test(plain) ? `Session ${plain}`.trim() : plain;
}
