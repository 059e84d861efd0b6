export const home = "/account";

/**
 * The page to come back to after login: a path on this site, else the account.
 * The browser's own URL parser decides, so that "//host" and "/\host" are seen
 * for what they are.
 */
export function returnPath(next: unknown, origin: string = window.location.origin): string {
  if (typeof next !== "string" || !next.startsWith("/")) return home;
  let url: URL;
  try {
    url = new URL(next, origin);
  } catch {
    return home;
  }
  if (url.origin !== origin || url.pathname.startsWith("//")) return home; // "/.//host" has the path "//host".
  if (url.pathname === "/login" || url.pathname === "/signup") return home;
  return url.pathname + url.search + url.hash;
}
