import { useEffect, useRef, useState } from "react";
import { explain } from "../api/problem.ts";
import { useMe, useUpdateProfile } from "../api/session.ts";
import { keep, languages, names, type Language } from "./language.ts";
import { useSpeech } from "./provider.tsx";

type Outcome = { kind: "chosen" | "notLoaded" } | { kind: "notKept"; error: Error };

/** Changes the language of the site, and of the account of who is logged in. */
export function LanguageSwitch() {
  const { language, words, speak } = useSpeech();
  const me = useMe();
  const update = useUpdateProfile();
  const [outcome, setOutcome] = useState<Outcome>();

  async function choose(chosen: Language) {
    try {
      await speak(chosen);
    } catch {
      setOutcome({ kind: "notLoaded" });
      return;
    }
    keep(chosen);
    setOutcome({ kind: "chosen" });
    if (me.data) update.mutate({ language: chosen }, { onError: (error) => { setOutcome({ kind: "notKept", error }); } });
  }

  return (
    <div className="languages" role="group" aria-label={words.language.label}>
      {languages.map((one) => (
        <button key={one} type="button" lang={one} className="link" aria-pressed={one === language} onClick={() => void choose(one)}>{names[one]}</button>
      ))}
      <span role="status" className={outcome?.kind === "chosen" ? "hidden" : undefined}>{outcome && (outcome.kind === "notKept" ? words.language.notKept(explain(words, outcome.error)) : words.language[outcome.kind])}</span>
    </div>
  );
}

/** Speaks the language of who is logged in, once it is known, until another one is chosen. */
export function useOwnLanguage(): void {
  const { speak } = useSpeech();
  const own = useMe().data?.language;
  const spoken = useRef<Language>(undefined);
  useEffect(() => {
    if (own === spoken.current) return;
    spoken.current = own;
    if (own) void speak(own).catch(() => undefined); // the page stays as it is
  }, [own, speak]);
}
