import { createContext, use, useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { api } from "../api/api.ts";
import { english, type Words } from "./english.tsx";
import { load, type Language } from "./language.ts";

export type Spoken = { language: Language; words: Words };
type Speech = Spoken & { speak: (language: Language) => Promise<void> };

const SpeechContext = createContext<Speech>({ language: "en", words: english, speak: () => Promise.reject(new Error("useSpeech needs a SpeechProvider above it")) });

/** Says everything below it in one language, which can be changed. */
export function SpeechProvider({ first, children }: { first: Spoken; children: ReactNode }) {
  const [spoken, setSpoken] = useState(first);
  const asked = useRef(first.language);
  const speak = useCallback(async (language: Language) => {
    asked.current = language;
    const words = await load(language);
    if (asked.current === language) setSpoken({ language, words }); // else another one was asked for meanwhile
  }, []);
  useEffect(() => {
    document.documentElement.lang = spoken.language;
    api.speak(spoken.language);
  }, [spoken.language]);
  const speech = useMemo(() => ({ ...spoken, speak }), [spoken, speak]);
  return <SpeechContext value={speech}>{children}</SpeechContext>;
}

/** The language, and a way to change it. */
export function useSpeech(): Speech {
  return use(SpeechContext);
}

/** What the site says, in the language of the page. */
export function useWords(): Words {
  return use(SpeechContext).words;
}
