import { useMemo } from "preact/hooks";
import { patchLines } from "../patchLines";

/** The lines of a unified diff, or from `inside` a hunk of one, in the colours of the theme's own diffs. */
export function PatchLines({ patch, inside = false }: { readonly patch: string; readonly inside?: boolean }) {
  const lines = useMemo(() => patchLines(patch.replace(/\n$/, ""), inside), [patch, inside]);
  return (
    <span class="patch">
      {lines.map(({ kind, text }, index) => (
        <span key={index} class={`patch-${kind}`}>
          {text}
          {"\n"}
        </span>
      ))}
    </span>
  );
}
