/** Keys as the person's machine calls them. Pure but for asking which machine it is. */
export function localKeys(keys: string, mac = navigator.userAgent.includes("Mac")): string {
  return mac ? keys.replaceAll("Ctrl", "Cmd") : keys;
}
