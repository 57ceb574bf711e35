import { memo } from "preact/compat";
import { useMemo } from "preact/hooks";
import { tell } from "../host";
import { blocks, html } from "../markdown";

const Block = memo(function Block({ source }: { readonly source: string }) {
  const inner = useMemo(() => ({ __html: html(source) }), [source]);
  // The HTML has been sanitised in `html`.
  return <div class="block" dangerouslySetInnerHTML={inner} />;
});

/** Markdown whose finished blocks stay as they are while the last one grows: a selection in them survives. */
export const Markdown = memo(function Markdown({ source }: { readonly source: string }) {
  const found = useMemo(() => blocks(source), [source]);
  return (
    <div class="markdown" onClick={clicked}>
      {found.map((block, index) => (
        <Block key={index} source={block} />
      ))}
    </div>
  );
});

function clicked(event: MouseEvent): void {
  if (!(event.target instanceof Element)) return;
  const link = event.target.closest("a");
  if (link) {
    event.preventDefault();
    const href = link.getAttribute("href");
    if (href !== null && href !== "") tell({ type: "openLink", href });
    return;
  }
  const button = event.target.closest("button[data-act]");
  const text = button?.closest(".code")?.querySelector("code")?.textContent;
  if (!button || text === undefined) return;
  tell({ type: button.getAttribute("data-act") === "insert" ? "insert" : "copy", text });
}
