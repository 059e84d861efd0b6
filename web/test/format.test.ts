import { describe, expect, it } from "vitest";
import { describeAgent, formatMinute } from "../src/format.ts";
import { sentence } from "../src/ui/form.tsx";

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
    expect(describeAgent(agent)).toBe(text);
  });
});

describe("formatMinute", () => {
  it("names the time zone", () => {
    const zone = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" }).formatToParts(0).find((part) => part.type === "timeZoneName")?.value;
    expect(zone).toBeTruthy();
    expect(formatMinute("2026-03-04T10:00:00Z")).toContain(zone);
  });
});

describe("sentence", () => {
  it.each([
    ["must have at least 12 characters", "Password must have at least 12 characters."],
    ["is wrong.", "Password is wrong."],
    ["Enter your password.", "Enter your password."],
  ])("completes %s", (message, text) => {
    expect(sentence("Password", message)).toBe(text);
  });
});
