/** A link to a location in a document. */
import { post } from "../host";
import { basename, lines, selectedLines } from "../displayFormat";

interface PlaceProps {
  /** Replaces the document's name and the lines. */
  readonly label?: string;
  readonly uri: string;
  readonly range?: { start: { line: number; character: number }; end: { line: number; character: number } } | undefined;
}

export function Place({ uri, range, label }: PlaceProps) {
  const open = () => {
    post({ type: "openPlace", uri, ...(range && selectedLines(range)) });
  };
  return (
    <button type="button" class="link" title={uri} onClick={open}>
      {label ?? `${basename(uri)}${range ? `:${lines(range)}` : ""}`}
    </button>
  );
}
