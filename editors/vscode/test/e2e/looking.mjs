// What can be said of a picture without looking at it: that nothing is cut off, and that axe finds nothing serious.
import fs from "node:fs";
import { createRequire } from "node:module";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds wrong with the page of a panel that is serious, in lines. */
export async function serious(panel) {
  const body = await panel.frame.locator("body").elementHandle();
  const frame = await body.ownerFrame();
  if (!(await frame.evaluate(() => "axe" in globalThis))) await frame.evaluate(axe);
  const { violations } = await frame.evaluate(() =>
    globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"], resultTypes: ["violations"] }),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`));
}

/**
 * What can be pressed or read beside the messages and is not whole: what stands out of the page. Also icons alone on their line,
 * with their words below, and messages that are wider than their place.
 */
export const cut = (panel) =>
  panel.frame.locator("body").evaluate((body) => {
    const { innerWidth, innerHeight } = body.ownerDocument.defaultView;
    const all = body.querySelectorAll(".panel > header *, .foot *, .menu, .menu *, .message-head *, .note, .note *, .bar *");
    const outside = [...all].flatMap((one) => {
      const { left, right, top, bottom, width } = one.getBoundingClientRect();
      // What is in a menu or among the questions scrolls there.
      const scrolls = one.closest(".questions") !== null || one.parentElement.closest(".menu") !== null;
      const inFoot = one.closest(".foot, .menu") !== null && !scrolls;
      if (one.closest("pre, .questions") !== null) return []; // they scroll
      const out = left < -1 || right > innerWidth + 1 || (inFoot && (top < -1 || bottom > innerHeight + 1));
      return width > 0 && out
        ? [`${one.tagName}.${one.className} ${left}–${right}, ${top}–${bottom}: ${one.textContent.slice(0, 40)}`]
        : [];
    });
    const alone = [...body.querySelectorAll(".bar > .codicon:first-child, .note > .codicon:first-child")].flatMap((icon) => {
      const words = icon.nextElementSibling?.getBoundingClientRect();
      const own = icon.getBoundingClientRect();
      return own.width > 0 && words && words.top > own.bottom ? [`alone: ${icon.parentElement.textContent}`] : [];
    });
    const transcript = body.querySelector(".transcript");
    const wide = transcript === null ? 0 : transcript.scrollWidth - transcript.clientWidth;
    return [...outside, ...alone, ...(wide > 0 ? [`the messages are ${wide} pixels too wide`] : [])];
  });
