/**
 * Draws the formulas and diagrams of a text when they become visible, one at a time. The code that draws them is loaded with the
 * first one of its kind, so that a page without them does not load it. A source that cannot be drawn stays visible, with the reason.
 */
import type { drawDiagram } from "./drawn/diagrams";
import type { drawFormula } from "./drawn/formulas";
import { formulaOf } from "./mathsSyntax";

interface Loaded {
  drawFormula?: typeof drawFormula;
  drawDiagram?: typeof drawDiagram;
}

const page = globalThis as Loaded;
/** The page's policy only allows scripts with this nonce. */
const nonce = document.currentScript?.nonce ?? "";
const files = document.getElementById("root")?.dataset;
const loading = new Map<string, Promise<void>>();
const SELECTOR = ".maths, .diagram";

const waiting = new Set<Element>();
const sources = new WeakMap<Element, string>();
let working = false;

const watch = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      watch.unobserve(target);
      waiting.add(target);
    }
    void work();
  },
  { rootMargin: "300px" },
);

/** Diagrams contain colours, so they are drawn again when the theme changes. */
new MutationObserver(() => {
  for (const drawn of document.querySelectorAll(".diagram.drawn")) watch.observe(drawn);
}).observe(document.body, { attributes: true, attributeFilter: ["class"] });

/** Draws the formulas and diagrams in `element` when they become visible. Returns a function that stops this. */
export function drawIn(element: Element): () => void {
  const drawables = element.querySelectorAll(SELECTOR);
  for (const drawable of drawables) watch.observe(drawable);
  return () => {
    for (const drawable of drawables) {
      watch.unobserve(drawable);
      waiting.delete(drawable);
    }
  };
}

async function work(): Promise<void> {
  if (working) return;
  working = true;
  for (const element of waiting) {
    waiting.delete(element);
    try {
      if (element.classList.contains("maths")) await formula(element);
      else await diagram(element);
      element.classList.remove("undrawn");
      element.classList.add("drawn");
    } catch (error) {
      markUndrawn(element, error instanceof Error ? error.message : String(error));
    }
    // Let the page do other work in between.
    await new Promise((resolve) => setTimeout(resolve));
  }
  working = false;
}

async function formula(element: Element): Promise<void> {
  await load("formulas");
  const source = sources.get(element) ?? element.textContent;
  sources.set(element, source);
  const drawn = page.drawFormula?.(formulaOf(source), element.classList.contains("display"));
  if (drawn === undefined) throw new Error("What draws formulas could not be loaded.");
  element.replaceChildren(drawn);
  element.setAttribute("title", source);
}

async function diagram(element: Element): Promise<void> {
  await load("mermaid");
  await load("diagrams");
  const source = element.querySelector("code")?.textContent ?? "";
  const drawn = await page.drawDiagram?.(source);
  if (drawn === undefined) throw new Error("What draws diagrams could not be loaded.");
  // In an image, nothing can run, load anything or reach the page.
  const image = document.createElement("img");
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawn.svg)}`;
  image.alt = `Diagram: ${source.trim().split("\n", 1)[0] ?? ""}. Its source is below.`;
  image.width = drawn.width;
  image.height = drawn.height;
  const box = document.createElement("div");
  box.className = "diagram-image";
  box.tabIndex = 0;
  box.role = "region";
  box.ariaLabel = "Diagram";
  box.append(image);
  element.querySelector(".diagram-image")?.remove();
  element.querySelector(".code-bar")?.after(box);
  if (element.querySelector('[data-act="source"]') === null) element.querySelector('[role="toolbar"]')?.append(sourceButton());
}

function sourceButton(): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "icon-button";
  button.tabIndex = -1;
  button.title = "Show the Source";
  button.ariaLabel = "Show the source of the diagram";
  button.ariaPressed = "false";
  button.dataset["act"] = "source";
  const icon = document.createElement("span");
  icon.className = "codicon codicon-code";
  button.append(icon);
  return button;
}

/** Shows or hides the source of a diagram below it. */
export function toggleSource(button: Element): void {
  const shows = button.closest(".diagram")?.classList.toggle("with-source") ?? false;
  button.setAttribute("aria-pressed", String(shows));
}

function markUndrawn(element: Element, reason: string): void {
  element.classList.add("undrawn");
  const text = `Not drawn: ${reason.replace(/\s+/g, " ").slice(0, 300)}`;
  if (element.classList.contains("maths")) {
    element.setAttribute("title", text);
    return;
  }
  const note = element.querySelector(".diagram-note") ?? document.createElement("div");
  note.className = "diagram-note";
  note.textContent = text;
  element.append(note);
}

function load(name: "formulas" | "mermaid" | "diagrams"): Promise<void> {
  let loaded = loading.get(name);
  if (loaded === undefined) {
    loaded = new Promise<void>((resolve, reject) => {
      const script = document.createElement("script");
      script.nonce = nonce;
      script.src = files?.[name] ?? "";
      script.onload = () => {
        resolve();
      };
      script.onerror = () => {
        loading.delete(name); // the next call tries again
        reject(new Error(`The extension's ${name}.js could not be loaded.`));
      };
      document.head.append(script);
    });
    loading.set(name, loaded);
  }
  return loaded;
}
