/**
 * Makes text safe to show, like the server's `visible.py`: invisible characters and those that change the text direction become
 * escapes (`\u202e`). Joiners and direction marks, which many scripts need, stay. Pure.
 */
// eslint-disable-next-line no-control-regex -- these must be found
const HIDING = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e0fff}]/gu;

export function makeVisible(text: string): string {
  return text.replace(HIDING, (letter) => {
    const code = letter.codePointAt(0) ?? 0;
    const digits = code.toString(16);
    if (code < 0x100) return `\\x${digits.padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
  });
}
