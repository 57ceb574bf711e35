/** The options of a menu, and its keys. Pure. */

export interface Choice {
  readonly key: string;
  readonly label: string;
  readonly detail: string;
  readonly icon: string;
  readonly disabled?: boolean;
  readonly checked?: boolean;
}

/** The new index for a key in an open menu without a text field: Home, End, or the next label with that first letter. */
export function jumpKey(key: string, active: number, choices: readonly Choice[]): number | undefined {
  if (choices.length === 0) return undefined;
  if (key === "Home") return 0;
  if (key === "End") return choices.length - 1;
  if (key.trim().length !== 1) return undefined;
  const onward = [...choices.keys()].map((step) => (active + 1 + step) % choices.length);
  return onward.find((index) => choices[index]?.label.toLowerCase().startsWith(key.toLowerCase())) ?? active;
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
