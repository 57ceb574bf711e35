// Checks of a panel's layout and accessibility: nothing is cut off, and axe finds nothing serious.
import fs from "node:fs";
import { createRequire } from "node:module";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The serious problems that axe finds in the page of a panel, one string each. */
export async function seriousProblems(panel) {
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
 * What is laid out wrongly, one string each: controls and texts outside the messages that extend beyond the page, icons whose text
 * has wrapped below them, and messages that are wider than the transcript.
 */
export const layoutProblems = (panel) =>
  panel.frame.locator("body").evaluate((body) => {
    const { innerWidth, innerHeight } = body.ownerDocument.defaultView;
    const all = body.querySelectorAll(".panel > header *, .foot *, .menu, .menu *, .message-head *, .note, .note *, .bar *");
    const outside = [...all].flatMap((element) => {
      const { left, right, top, bottom, width } = element.getBoundingClientRect();
      // What is in a menu or among the questions scrolls there.
      const scrolls = element.closest(".questions") !== null || element.parentElement.closest(".menu") !== null;
      const inFooter = element.closest(".foot, .menu") !== null && !scrolls;
      if (element.closest("pre, .questions") !== null) return []; // they scroll
      const isOutside = left < -1 || right > innerWidth + 1 || (inFooter && (top < -1 || bottom > innerHeight + 1));
      return width > 0 && isOutside
        ? [`${element.tagName}.${element.className} ${left}–${right}, ${top}–${bottom}: ${element.textContent.slice(0, 40)}`]
        : [];
    });
    const wrapped = [...body.querySelectorAll(".bar > .codicon:first-child, .note > .codicon:first-child")].flatMap((icon) => {
      const label = icon.nextElementSibling?.getBoundingClientRect();
      const box = icon.getBoundingClientRect();
      return box.width > 0 && label && label.top > box.bottom ? [`wrapped: ${icon.parentElement.textContent}`] : [];
    });
    const transcript = body.querySelector(".transcript");
    const wide = transcript === null ? 0 : transcript.scrollWidth - transcript.clientWidth;
    return [...outside, ...wrapped, ...(wide > 0 ? [`the messages are ${wide} pixels too wide`] : [])];
  });
