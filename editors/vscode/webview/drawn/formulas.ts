/** Draws formulas as MathML, which the browser lays out: no fonts and no styles are needed. A file of its own, loaded with the first formula. */
import DOMPurify from "dompurify";
import katex from "katex";

/** Above this many characters, or so many elements inside each other, laying a formula out would be felt. */
const LONGEST = 5000;
const DEEPEST = 60;

/** The formula as it is put into the page. Throws an `Error` where it cannot be drawn. */
export function drawFormula(tex: string, display: boolean): DocumentFragment {
  if (tex.length > LONGEST) throw new Error(`A formula of more than ${LONGEST} characters is not drawn.`);
  const html = katex.renderToString(tex, {
    output: "mathml",
    displayMode: display,
    throwOnError: true,
    strict: "ignore",
    // No addresses, classes or styles of its own, and no macro that grows without end.
    trust: false,
    maxSize: 20,
    maxExpand: 200,
  });
  // The source would be in it a second time.
  const drawn = DOMPurify.sanitize(html, {
    USE_PROFILES: { mathMl: true },
    FORBID_TAGS: ["annotation"],
    FORBID_CONTENTS: ["annotation"],
    RETURN_DOM_FRAGMENT: true,
  });
  if (depthOf(drawn) > DEEPEST) throw new Error("The formula is nested too deeply.");
  return drawn;
}

function depthOf(node: Node): number {
  let deepest = 0;
  let level: Node[] = [node];
  for (; level.length > 0; deepest += 1) level = level.flatMap((one) => [...one.childNodes]);
  return deepest;
}

Object.assign(globalThis, { drawFormula });
