/** A day in the reader's own language. */
export function formatDay(instant: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "long" }).format(new Date(instant));
}

/** A minute in the reader's own language and time zone, which it names: a session from elsewhere is judged by it. */
export function formatMinute(instant: string): string {
  return new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" }).format(new Date(instant));
}

// Browsers name those that they are compatible with: the first that fits is the one.
const browsers = [[/\bEdgA?\//, "Edge"], [/\bOPR\//, "Opera"], [/\bFirefox\/|\bFxiOS\//, "Firefox"], [/\bChrom(e|ium)\/|\bCriOS\/|\bHeadlessChrome\//, "Chrome"], [/\bSafari\//, "Safari"], [/^curl\//, "curl"]] as const;
const systems = [[/\b(iPhone|iPad)\b/, "iOS"], [/\bAndroid\b/, "Android"], [/\bWindows\b/, "Windows"], [/\bMac OS X\b/, "macOS"], [/\bCrOS\b/, "ChromeOS"], [/\bLinux\b/, "Linux"]] as const;

/** What a browser calls itself, in few words; it may claim anything. */
export function describeAgent(agent: string): string {
  const browser = browsers.find(([pattern]) => pattern.test(agent))?.[1];
  const system = systems.find(([pattern]) => pattern.test(agent))?.[1];
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? "Unknown browser";
}
