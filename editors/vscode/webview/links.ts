/** Which links of a message lead somewhere. Pure. */

/**
 * The web, mail, a file, a path, and a path with lines behind it: `read.py:12` looks like a scheme, and is none where a dot stands
 * before the colon. What else has a scheme (`javascript:`, `command:`, `data:`) is no link. Where a path leads is for the host to check.
 */
export const LINK = /^(?:(?:https?|mailto|file):|[a-z]:(?:[\\/]|%5C)|[^:]*(?:[/?#]|$)|(?=[^:?#]*\.)[^:?#]*:\d+(?::\d+)?(?:#|$))/i;
