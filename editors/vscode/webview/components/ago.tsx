/** How long ago something was, updated as time passes; the tooltip has the exact time. */
import { useEffect, useState } from "preact/hooks";
import { ago, UPDATE_INTERVAL } from "../../src/relativeTime";
import { clock } from "../displayFormat";

/** The times that are shown. One timer updates all. */
const updaters = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function watch(update: () => void): () => void {
  updaters.add(update);
  timer ??= setInterval(() => {
    for (const update of updaters) update();
  }, UPDATE_INTERVAL);
  return () => {
    updaters.delete(update);
    if (updaters.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

export function Ago({ at }: { readonly at: string }) {
  const [text, setText] = useState(() => ago(at, Date.now()));
  useEffect(() => {
    const update = () => {
      setText(ago(at, Date.now()));
    };
    update();
    return watch(update);
  }, [at]);
  return (
    <time class="dim" dateTime={at} title={clock(at)}>
      {text}
    </time>
  );
}
