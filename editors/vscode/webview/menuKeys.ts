/** The options of a menu, and its keys. Pure. */

export interface Choice {
  readonly key: string;
  readonly label: string;
  readonly detail: string;
  readonly icon: string;
  readonly disabled?: boolean;
  readonly checked?: boolean;
}

/** The longest pause between two letters of one word, in milliseconds. (The ARIA practices for listboxes ask for such a limit.) */
const MAX_PAUSE = 700;

/** The letters that a person types in an open menu: those typed quickly are one word. */
export class TypedLetters {
  private word = "";
  private last = Number.NEGATIVE_INFINITY;

  /** Adds a letter typed at that time, in milliseconds, and returns the word so far. */
  add(letter: string, at: number): string {
    this.word = at - this.last <= MAX_PAUSE ? this.word + letter.toLowerCase() : letter.toLowerCase();
    this.last = at;
    return this.word;
  }
}

/** The new index for a key in an open menu without a text field: Home, End, or a letter of the label to go to. */
export function jumpKey(
  key: string,
  active: number,
  choices: readonly Choice[],
  typed: TypedLetters,
  at: number,
): number | undefined {
  if (choices.length === 0) return undefined;
  if (key === "Home") return 0;
  if (key === "End") return choices.length - 1;
  if (key.trim().length !== 1) return undefined;
  const word = typed.add(key, at);
  const next = (beginning: string, from: number): number | undefined =>
    [...choices.keys()]
      .map((step) => (from + step) % choices.length)
      .find((index) => choices[index]?.label.toLowerCase().startsWith(beginning));
  const [first = ""] = word;
  // A longer word may still mean the current label. A letter that is repeated goes from one label to the next.
  const found = next(word, word.length === 1 ? active + 1 : active);
  return found ?? (word === first.repeat(word.length) ? next(first, active + 1) : undefined) ?? active;
}

/** The effect of a key in an open menu: a new active index, 'pick', 'close', or nothing. */
export function menuKey(key: string, active: number, choices: readonly Choice[]): number | "pick" | "close" | undefined {
  const count = choices.length;
  switch (key) {
    case "ArrowDown":
      return count === 0 ? undefined : (active + 1) % count;
    case "ArrowUp":
      return count === 0 ? undefined : (active + count - 1) % count;
    case "Enter":
    case "Tab":
      return count === 0 ? undefined : "pick";
    case "Escape":
      return "close";
    default:
      return undefined;
  }
}
