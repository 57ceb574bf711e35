/** How long ago something was, updated as time passes; the tooltip has the exact time. */
import { useEffect, useState } from "preact/hooks";
import { ago, UPDATE_INTERVAL } from "../../src/relativeTime";
import { clock } from "../displayFormat";

/** The times that are shown. One timer updates all. */
const shown = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function watch(tell: () => void): () => void {
  shown.add(tell);
  timer ??= setInterval(() => {
    for (const one of shown) one();
  }, UPDATE_INTERVAL);
  return () => {
    shown.delete(tell);
    if (shown.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

export function Ago({ at }: { readonly at: string }) {
  const [words, setWords] = useState(() => ago(at, Date.now()));
  useEffect(() => {
    const tell = () => {
      setWords(ago(at, Date.now()));
    };
    tell();
    return watch(tell);
  }, [at]);
  return (
    <time class="dim" dateTime={at} title={clock(at)}>
      {words}
    </time>
  );
}
