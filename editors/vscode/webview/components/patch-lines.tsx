import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { patchLines } from "../patchLines";

/** The lines of a unified diff (or, with `inside`, of a hunk), in the theme's diff colours. They begin at the first changed line. */
export function PatchLines({ patch, inside = false }: { readonly patch: string; readonly inside?: boolean }) {
  const lines = useMemo(() => patchLines(patch.replace(/\n$/, ""), inside), [patch, inside]);
  const box = useRef<HTMLSpanElement>(null);
  // In a small panel only some lines are visible: not the names of the file, which are above the diff too.
  useLayoutEffect(() => {
    const first = box.current?.querySelector<HTMLElement>(".patch-added, .patch-removed");
    const scrolled = box.current?.parentElement;
    if (!first || !scrolled) return;
    const before = first.previousElementSibling ?? first;
    scrolled.scrollTop += before.getBoundingClientRect().top - scrolled.getBoundingClientRect().top - scrolled.clientTop;
  }, [patch]);
  return (
    <span class="patch" ref={box}>
      {lines.map(({ kind, text }, index) => (
        <span key={index} class={`patch-${kind}`}>
          {text}
          {"\n"}
        </span>
      ))}
    </span>
  );
}
