import { useMemo } from "preact/hooks";
import { countsOf } from "../../src/toolLine";
import { post } from "../host";
import { basename } from "../displayFormat";
import { Badge, Button } from "./button";
import { Icon } from "./icon";
import { LineCounts } from "./line-counts";
import type { Of } from "./part-types";
import { Place } from "./place";

interface EditProps {
  readonly messageId: string;
  readonly path: readonly number[];
  readonly part: Of<"edit">;
}

/** An edit of a document, with a link to its diff. */
export function Edit({ messageId, path, part }: EditProps) {
  const { summary } = part;
  // A summary is a verb and the path of the document, which becomes the link.
  const at = summary.endsWith(basename(part.uri)) ? summary.indexOf(" ") + 1 : 0;
  return (
    <div class="card edit">
      <Icon name={part.applied ? "diff-modified" : "circle-slash"} />
      <span class="edit-summary">
        {summary.slice(0, at)}
        <Place uri={part.uri} label={summary.slice(at)} />
      </span>
      {!part.applied && <Badge>not applied</Badge>}
      {part.patch !== undefined && <Counts patch={part.patch} />}
      <span class="spacer" />
      {part.patch !== undefined ? (
        <Button
          label="Show Changes"
          spoken={`Show Changes: ${part.summary}`}
          secondary
          onPress={() => {
            post({ type: "showChanges", messageId, path });
          }}
        />
      ) : (
        <span class="dim" title="The session keeps the changed lines only of text files, and only if they are not too long.">
          changes not kept
        </span>
      )}
    </div>
  );
}

function Counts({ patch }: { readonly patch: string }) {
  return <LineCounts {...useMemo(() => countsOf(patch), [patch])} />;
}
