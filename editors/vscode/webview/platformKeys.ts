/** Names of keys on the person's platform. Pure except for detecting the platform. */
export function localKeys(keys: string, mac = navigator.userAgent.includes("Mac")): string {
  return mac ? keys.replaceAll("Ctrl", "Cmd") : keys;
}
