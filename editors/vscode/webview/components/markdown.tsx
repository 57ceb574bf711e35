import { memo } from "preact/compat";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { drawIn, toggleSource } from "../drawing";
import { post } from "../host";
import { blocks, html, type Block } from "../markdown";
import { sanitize } from "../sanitize";
import { walkToolbar } from "../toolbar";

interface BlockProps extends Block {
  readonly growing: boolean;
}

const BlockView = memo(function BlockView({ source, references, open, growing }: BlockProps) {
  const inner = useMemo(
    () => ({ __html: sanitize(html({ source, references, open }, growing)) }),
    [source, references, open, growing],
  );
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => (growing || element.current === null ? undefined : drawIn(element.current)), [inner, growing]);
  return <div class="block" dir="auto" ref={element} dangerouslySetInnerHTML={inner} />;
});

interface MarkdownProps {
  readonly source: string;
  /** Whether more text will arrive. */
  readonly growing?: boolean;
}

/** Markdown that does not redraw finished blocks while the last one grows, so that a selection in them survives. */
export const Markdown = memo(function Markdown({ source, growing = false }: MarkdownProps) {
  const parsed = useMemo(() => blocks(source), [source]);
  return (
    <div class="markdown" onClick={onClick} onKeyDown={walkToolbar}>
      {parsed.map((block, index) => (
        <BlockView key={index} {...block} growing={growing && index === parsed.length - 1} />
      ))}
    </div>
  );
});

function onClick(event: MouseEvent): void {
  if (!(event.target instanceof Element)) return;
  const link = event.target.closest("a");
  if (link) {
    event.preventDefault();
    // VS Code handles clicks on links in each webview itself, and would open the link a second time.
    event.stopPropagation();
    const href = link.getAttribute("href");
    if (href !== null && href !== "") post({ type: "openLink", href });
    return;
  }
  const button = event.target.closest("button[data-act]");
  if (button?.getAttribute("data-act") === "source") {
    toggleSource(button);
    return;
  }
  const text = button?.closest(".code")?.querySelector("code")?.textContent;
  if (!button || text === undefined) return;
  post({ type: button.getAttribute("data-act") === "insert" ? "insert" : "copy", text });
}
