/** Plain text with links to lines of files. */
import { post } from "../host";
import { fileReferences } from "../../src/fileReferences";

export function Linked({ text }: { readonly text: string }) {
  return (
    <>
      {fileReferences(text).map(({ text: piece, href }, index) =>
        href === undefined ? (
          piece
        ) : (
          <button
            key={index}
            type="button"
            class="link"
            onClick={() => {
              post({ type: "openLink", href });
            }}
          >
            {piece}
          </button>
        ),
      )}
    </>
  );
}
