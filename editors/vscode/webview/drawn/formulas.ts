/** Draws formulas as MathML, which the browser lays out: no fonts and no styles are needed. A separate script, loaded with the first formula. */
import DOMPurify from "dompurify";
import katex from "katex";

/** The most characters and nested elements: the layout of larger formulas would be noticeably slow. */
const MAX_LENGTH = 5000;
const MAX_DEPTH = 60;

/** The formula for the page. Throws an `Error` if it cannot be drawn. */
export function drawFormula(tex: string, display: boolean): DocumentFragment {
  if (tex.length > MAX_LENGTH) throw new Error(`A formula of more than ${MAX_LENGTH} characters is not drawn.`);
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
  // Remove the annotation, which repeats the source.
  const drawn = DOMPurify.sanitize(html, {
    USE_PROFILES: { mathMl: true },
    FORBID_TAGS: ["annotation"],
    FORBID_CONTENTS: ["annotation"],
    RETURN_DOM_FRAGMENT: true,
  });
  if (depthOf(drawn) > MAX_DEPTH) throw new Error("The formula is nested too deeply.");
  return drawn;
}

function depthOf(node: Node): number {
  let deepest = 0;
  let level: Node[] = [node];
  for (; level.length > 0; deepest += 1) level = level.flatMap((one) => [...one.childNodes]);
  return deepest;
}

Object.assign(globalThis, { drawFormula });
