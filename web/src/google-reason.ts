import type { Words } from "./words/english.tsx";

/** What went wrong at Google, for the code that the site puts into the address; nothing for a code of another kind. */
export function googleReason(words: Words, code: string | undefined): string | undefined {
  const reason = /^google_(\w+)$/.exec(code ?? "")?.[1];
  if (reason === undefined) return undefined;
  const { reasons, failed } = words.google;
  return Object.hasOwn(reasons, reason) ? reasons[reason as keyof typeof reasons] : failed;
}
