/** How long ago something was, updated as time passes; the tooltip has the exact time. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ago } from "../../src/relativeTime";
import { clock } from "../displayFormat";
import { watchTime } from "../timeUpdates";

export function Ago({ at }: { readonly at: string }) {
  const [text, setText] = useState(() => ago(at, Date.now()));
  const element = useRef<HTMLTimeElement>(null);
  useEffect(() => {
    const update = () => {
      setText(ago(at, Date.now()));
    };
    update();
    return element.current === null ? undefined : watchTime(element.current, update);
  }, [at]);
  return (
    <time class="dim" dateTime={at} title={clock(at)} ref={element}>
      {text}
    </time>
  );
}
