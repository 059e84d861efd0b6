import { describe, expect, it } from "vitest";
import { describeAgent, formatDay, formatMinute } from "../src/format.ts";
import { english } from "../src/words/english.tsx";
import { german } from "../src/words/german.tsx";

describe("describeAgent", () => {
  it.each([
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"],
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "Safari on macOS"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iOS"],
    ["Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome on Android"],
    ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36", "Chrome on Linux"],
    ["curl/8.0", "curl"],
    ["<script>alert(1)</script>", "Unknown browser"],
    ["", "Unknown browser"],
  ])("reads %s", (agent, text) => {
    expect(describeAgent(english, agent)).toBe(text);
  });
});

describe("formatMinute", () => {
  it("names the time zone", () => {
    const zone = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" }).formatToParts(0).find((part) => part.type === "timeZoneName")?.value;
    expect(zone).toBeTruthy();
    expect(formatMinute("en", "2026-03-04T10:00:00Z")).toContain(zone);
  });
});

describe("numbers", () => {
  it.each([
    [english.problem.seconds, 1, "in 1 second"],
    [english.problem.seconds, 2, "in 2 seconds"],
    [german.problem.seconds, 1, "in 1 Sekunde"],
    [german.problem.minutes, 1200, "in 1.200 Minuten"],
    [german.more.factor.left, 1, "Sie haben noch 1 Wiederherstellungscode."],
    [german.more.factor.left, 0, "Sie haben noch 0 Wiederherstellungscodes."],
  ])("are in the plural of the language", (text, n, said) => {
    expect(text(n)).toBe(said);
  });
});

describe("days", () => {
  it("are written in the language of the page, not of the browser", () => {
    expect(formatDay("de", "2026-03-04T12:00:00Z")).toBe("4. März 2026");
    expect(formatMinute("de", "2026-03-04T12:00:00Z")).toMatch(/^4\. März 2026, \d{2}:\d{2} \S+/);
  });
});
