/** Draws diagrams with Mermaid. This is a separate script, loaded with the first diagram, after Mermaid's own. */
import { MAX_LENGTH, MAX_EDGES, limitExceeded } from "./diagramLimits";

declare const mermaid: {
  initialize(config: Readonly<Record<string, unknown>>): void;
  render(id: string, source: string): Promise<{ readonly svg: string }>;
};

export interface Diagram {
  readonly svg: string;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
}

let count = 0;

/** Throws an `Error` if the source is not a diagram, or is too large. */
export async function drawDiagram(source: string): Promise<Diagram> {
  const problem = limitExceeded(source);
  if (problem !== undefined) throw new Error(problem);
  const style = getComputedStyle(document.body);
  const contrast = document.body.matches(".vscode-high-contrast, .vscode-high-contrast-light");
  const dark = document.body.matches(".vscode-dark, .vscode-high-contrast:not(.vscode-high-contrast-light)");
  const [text, background] = [style.color, style.getPropertyValue("--vscode-editor-background").trim()];
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: "strict",
    // Settings that a diagram must not change.
    secure: [
      "secure",
      "securityLevel",
      "startOnLoad",
      "maxTextSize",
      "maxEdges",
      "suppressErrorRendering",
      "themeCSS",
      "fontFamily",
    ],
    maxTextSize: MAX_LENGTH,
    maxEdges: MAX_EDGES,
    suppressErrorRendering: true,
    htmlLabels: false,
    fontFamily: style.fontFamily,
    look: "classic",
    theme: contrast ? "base" : dark ? "dark" : "default",
    ...(contrast && { themeVariables: contrastColors(text, background, dark) }),
  });
  const { svg } = await mermaid.render(`diagram-${(count += 1)}`, source);
  const box = /viewBox="[-\d.e]+ [-\d.e]+ ([\d.e]+) ([\d.e]+)"/.exec(svg);
  const [width, height] = [Number(box?.[1]), Number(box?.[2])];
  if (!(width > 0 && height > 0 && width < 20_000 && height < 20_000))
    throw new Error("The diagram has no size that can be shown.");
  // An image needs its own size, because it does not fill a page.
  return { svg: svg.replace(/^<svg([^>]*?) width="[^"]*"/, `<svg$1 width="${width}" height="${height}"`), width, height };
}

function contrastColors(text: string, background: string, darkMode: boolean): Record<string, string | boolean> {
  const lines = ["primaryBorderColor", "secondaryBorderColor", "tertiaryBorderColor", "lineColor", "noteBorderColor"];
  const texts = ["primaryTextColor", "secondaryTextColor", "tertiaryTextColor", "textColor", "titleColor", "noteTextColor"];
  const fills = [
    "background",
    "mainBkg",
    "primaryColor",
    "secondaryColor",
    "tertiaryColor",
    "noteBkgColor",
    "edgeLabelBackground",
  ];
  return {
    darkMode,
    ...Object.fromEntries([...lines, ...texts].map((name) => [name, text])),
    ...Object.fromEntries(fills.map((name) => [name, background])),
  };
}

Object.assign(globalThis, { drawDiagram });
