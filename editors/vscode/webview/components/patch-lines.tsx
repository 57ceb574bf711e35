import { useMemo } from "preact/hooks";
import { patchLines } from "../patchLines";

/** The lines of a unified diff (or, with `inside`, of a hunk), in the theme's diff colours. */
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
