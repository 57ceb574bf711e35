import { useMemo } from "preact/hooks";
import { patchLines } from "../patchLines";

/** The lines of a unified diff in the colours of the theme's own diffs. */
export function PatchLines({ patch }: { readonly patch: string }) {
  const lines = useMemo(() => patchLines(patch), [patch]);
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
