/** Decides which links in a message are allowed. Pure. */

/**
 * Allowed: web, mail, `file:`, and paths, optionally with lines. `read.py:12` looks like a scheme, but schemes with a dot are not
 * used. Other schemes (`javascript:`, `command:`, `data:`) are not allowed. The host checks paths.
 */
export const LINK = /^(?:(?:https?|mailto|file):|[a-z]:(?:[\\/]|%5C)|[^:]*(?:[/?#]|$)|(?=[^:?#]*\.)[^:?#]*:\d+(?::\d+)?(?:#|$))/i;
