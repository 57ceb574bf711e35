/** The numbers of added and removed lines, in colours. */
import type { LineCounts as Counts } from "../../src/toolLine";

export function LineCounts({ added, removed }: Counts) {
  return (
    <span class="line-counts">
      <span class="sr-only">{`${added} added, ${removed} removed`}</span>
      <span aria-hidden="true">
        {added > 0 && <span class="added">{`+${added}`}</span>} {removed > 0 && <span class="removed">{`−${removed}`}</span>}
      </span>
    </span>
  );
}
