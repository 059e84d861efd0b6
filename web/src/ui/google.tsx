import { googleStart, useGoogleOffered } from "../api/google.ts";
import { useWords } from "../words/provider.tsx";

/** Google's mark. Decoration: the name stands beside it. */
export function GoogleMark() {
  return (
    <svg viewBox="0 0 48 48" width="20" height="20" aria-hidden="true" focusable="false">
      <path fill="#4285f4" d="M45.1 24.5c0-1.6-.1-3.1-.4-4.5H24v8.5h11.8c-.5 2.8-2.1 5.1-4.4 6.7v5.5h7.1c4.2-3.8 6.6-9.5 6.6-16.2z" />
      <path fill="#34a853" d="M24 46c5.9 0 10.9-2 14.5-5.3l-7.1-5.5c-2 1.3-4.5 2.1-7.4 2.1-5.7 0-10.5-3.8-12.3-9H4.4v5.7C8 41.1 15.4 46 24 46z" />
      <path fill="#fbbc05" d="M11.7 28.2c-.4-1.3-.7-2.8-.7-4.2s.3-2.9.7-4.2v-5.7H4.4C2.9 17.1 2 20.4 2 24s.9 6.9 2.4 9.9z" />
      <path fill="#ea4335" d="M24 10.7c3.2 0 6.1 1.1 8.4 3.3l6.3-6.3C34.9 4.1 29.9 2 24 2 15.4 2 8 6.9 4.4 14.1l7.3 5.7c1.8-5.2 6.6-9.1 12.3-9.1z" />
    </svg>
  );
}

/** The way in through Google, where the site offers it. */
export function GoogleEntrance({ returnTo }: { returnTo: string }) {
  const words = useWords();
  if (!useGoogleOffered()) return null;
  return (
    <>
      <a className="button quiet" href={googleStart(returnTo)}><GoogleMark /> {words.google.carryOn}</a>
      <p className="or" aria-hidden="true">{words.google.or}</p>
    </>
  );
}
