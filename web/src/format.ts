import type { Words } from "./words/english.tsx";
import { locale, type Language } from "./words/language.ts";

/** A day in a language, as it is written where the reader is. */
export function formatDay(language: Language, instant: string): string {
  return new Intl.DateTimeFormat(locale(language), { dateStyle: "long" }).format(new Date(instant));
}

/** A minute in a language and the reader's own time zone, which it names: a session from elsewhere is judged by it. */
export function formatMinute(language: Language, instant: string): string {
  return new Intl.DateTimeFormat(locale(language), { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" }).format(new Date(instant));
}

// Browsers name those that they are compatible with: the first that fits is the one.
const browsers = [[/\bEdgA?\//, "Edge"], [/\bOPR\//, "Opera"], [/\bFirefox\/|\bFxiOS\//, "Firefox"], [/\bChrom(e|ium)\/|\bCriOS\/|\bHeadlessChrome\//, "Chrome"], [/\bSafari\//, "Safari"], [/^curl\//, "curl"]] as const;
const systems = [[/\b(iPhone|iPad)\b/, "iOS"], [/\bAndroid\b/, "Android"], [/\bWindows\b/, "Windows"], [/\bMac OS X\b/, "macOS"], [/\bCrOS\b/, "ChromeOS"], [/\bLinux\b/, "Linux"]] as const;

/** What a browser calls itself, in few words; it may claim anything. */
export function describeAgent(words: Words, agent: string): string {
  const browser = browsers.find(([pattern]) => pattern.test(agent))?.[1];
  const system = systems.find(([pattern]) => pattern.test(agent))?.[1];
  if (browser && system) return words.agent.on(browser, system);
  return browser ?? system ?? words.agent.unknown;
}
