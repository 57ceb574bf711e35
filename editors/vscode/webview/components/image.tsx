/** An image of a message or a draft, requested from the host when it is drawn. */
import { useEffect, useState } from "preact/hooks";
import type { Context } from "../../src/panel/messages";
import { sourceOf, type ImageContext } from "../images";

/** Empty until the image is loaded. `label` is its text for screen readers. */
export function Thumbnail({ context, label }: { readonly context: ImageContext; readonly label: string }) {
  const [source, setSource] = useState<string>();
  useEffect(() => {
    let current = true;
    void sourceOf(context).then((found) => {
      if (current) setSource(found);
    });
    return () => {
      current = false;
    };
  }, [context.sha256, context.uri]);
  return source === undefined ? null : <img class="thumbnail" src={source} alt={label} />;
}

export function imageName(context: Extract<Context, { kind: "image" }>): string {
  if (context.title !== undefined) return context.title;
  const path = context.uri === undefined ? "Image" : decodeURIComponent(context.uri);
  return path.slice(path.lastIndexOf("/") + 1);
}
