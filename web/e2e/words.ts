import { more } from "../src/words/english-more.tsx";
import { english } from "../src/words/english.tsx";
import { german } from "../src/words/german.tsx";

/** What the pages say in each language, with the locale of a browser that gets it. */
export const spoken = { en: { locale: "en-GB", words: { ...english, more } }, de: { locale: "de-DE", words: german } } as const;

export type Words = (typeof spoken)["de"]["words"];
