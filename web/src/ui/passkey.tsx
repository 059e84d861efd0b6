import { passkeysWork } from "../api/passkey.ts";
import { explain } from "../api/problem.ts";
import { useWords } from "../words/provider.tsx";
import { Alert } from "./alert.tsx";

type Use = { isPending: boolean; error: Error | null; mutate: () => void };

/** A button that uses a passkey, where the browser can. It stays focusable while the browser asks. */
export function PasskeyButton({ use, children }: { use: Use; children: string }) {
  const words = useWords();
  if (!passkeysWork()) return null;
  return (
    <>
      {use.error && <Alert kind="bad">{explain(words, use.error)}</Alert>}
      <button type="button" className="button quiet" aria-disabled={use.isPending} onClick={() => { if (!use.isPending) use.mutate(); }}>
        {use.isPending ? words.passkey.waiting : children}
      </button>
    </>
  );
}
