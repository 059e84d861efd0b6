const reasons: Readonly<Record<string, string>> = {
  cancelled: "You cancelled the login at Google. Nothing has changed.",
  expired: "That took too long. Please try again.",
  unavailable: "Google cannot be reached right now. Try again later, or use your password.",
  unverified: "Google has not confirmed your e-mail address there, so it cannot be used here.",
  known: "There is an account with this address already. Log in with its password, then link Google under Security.",
  taken: "This Google account is linked to another account here.",
  refused: "This account cannot be used.",
};

/** What went wrong at Google, for the code that the site puts into the address; nothing for a code of another kind. */
export function googleReason(code: string | undefined): string | undefined {
  const reason = /^google_(\w+)$/.exec(code ?? "")?.[1];
  if (reason === undefined) return undefined;
  return Object.hasOwn(reasons, reason) ? reasons[reason] : "The login through Google did not work. Please try again.";
}
