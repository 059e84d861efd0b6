import type { components } from "../api/schema.gen.ts";
import { english, type Words } from "./english.tsx";

export type Language = components["schemas"]["Language"];

/** The languages of the site, each by its own name. */
export const names: Readonly<Record<Language, string>> = { en: "English", de: "Deutsch" };
export const languages = Object.keys(names) as Language[];

const kept = "language";

// The one thing that this site keeps in browser storage. It is no secret, and nothing of a session.
// eslint-disable-next-line no-restricted-globals
const storage = () => localStorage;

/** Keeps what somebody chose in this browser. Storage may be refused: then it holds until the page is left. */
export function keep(language: Language): void {
  try {
    storage().setItem(kept, language);
  } catch {
    // The choice still holds for this visit.
  }
}

function keptLanguage(): string | null {
  try {
    return storage().getItem(kept);
  } catch {
    return null;
  }
}

const known = (language: string | null): language is Language => language !== null && Object.hasOwn(names, language);

/** The language to begin with: what somebody chose here, else the first of the browser's that the site has, else English. */
export function firstLanguage(preferred: readonly string[] = navigator.languages): Language {
  const chosen = keptLanguage();
  if (known(chosen)) return chosen;
  return preferred.map((tag) => tag.toLowerCase().split("-")[0] ?? "").find(known) ?? "en";
}

/** How a language is written where the reader is: en becomes en-GB for who prefers that. */
export function locale(language: Language, preferred: readonly string[] = navigator.languages): string {
  return preferred.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;
}

/** Loads what a language says; English is always there. */
export async function load(language: Language): Promise<Words> {
  return language === "en" ? english : (await import("./german.tsx")).german;
}
