import { screen, waitFor, within } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { more } from "../src/words/english-more.tsx";
import { english } from "../src/words/english.tsx";
import { german } from "../src/words/german.tsx";
import { firstLanguage, locale } from "../src/words/language.ts";
import { ada, fakeApi, open, problem } from "./site.tsx";

// eslint-disable-next-line no-restricted-globals
const browserStorage = localStorage;
afterEach(() => { browserStorage.clear(); });

const inGerman = { language: "de", words: german } as const;

describe("the first language", () => {
  it.each([
    [["de-AT", "en"], "de"],
    [["en-GB", "de"], "en"],
    [["fr", "DE-ch", "en"], "de"],
    [["fr", "toString"], "en"],
    [[], "en"],
  ])("of a browser that prefers %j is %s", (preferred, language) => {
    expect(firstLanguage(preferred)).toBe(language);
  });

  it("is what was chosen in this browser, where that is a language of the site", () => {
    browserStorage.setItem("language", "de");
    expect(firstLanguage(["en"])).toBe("de");
    browserStorage.setItem("language", "toString");
    expect(firstLanguage(["en"])).toBe("en");
  });

  it("does without a storage that is refused", () => {
    vi.spyOn(Storage.prototype, "getItem").mockImplementation(() => { throw new DOMException("no", "SecurityError"); });
    expect(firstLanguage(["de"])).toBe("de");
  });

  it("is written as the reader's region does", () => {
    expect([locale("de", ["en-US", "de-CH"]), locale("en", ["de-CH"])]).toEqual(["de-CH", "en"]);
  });
});

describe("the switch", () => {
  it("changes the page, its language and title, is kept in the browser, and is announced", async () => {
    const site = fakeApi({ "POST /auth/password/forgot": () => ({ status: 202 }) });
    const { user } = open("/forgot");
    await screen.findByRole("heading", { name: "Forgot your password?" });
    await user.click(screen.getByRole("button", { name: "Send the link" }));
    expect(await screen.findByText("Enter your e-mail address.")).toBeVisible();
    const choice = within(screen.getByRole("group", { name: "Language" }));
    expect(choice.getByRole("button", { name: "English" })).toHaveAttribute("aria-pressed", "true");
    expect(choice.getByRole("button", { name: "Deutsch" })).toHaveAttribute("lang", "de");
    choice.getByRole("button", { name: "Deutsch" }).focus();
    await user.keyboard("{Enter}");
    expect(await screen.findByRole("heading", { name: "Passwort vergessen?" })).toBeVisible();
    expect(screen.getByText("Geben Sie Ihre E-Mail-Adresse ein.")).toBeVisible(); // what was told before, too
    expect(choice.getByRole("button", { name: "Deutsch" })).toHaveFocus();
    expect(choice.getByRole("button", { name: "Deutsch" })).toHaveAttribute("aria-pressed", "true");
    expect(choice.getByRole("status")).toHaveTextContent("Die Website ist jetzt auf Deutsch.");
    expect([document.documentElement.lang, document.title, browserStorage.getItem("language")]).toEqual(["de", "Passwort vergessen? · Stack", "de"]);
    await user.type(screen.getByLabelText("E-Mail-Adresse"), "ada@example.com");
    await user.click(screen.getByRole("button", { name: "Link senden" }));
    expect(await screen.findByText(/Falls es für/)).toHaveTextContent("Falls es für ada@example.com hier ein Konto gibt");
    expect(site.to("POST /auth/password/forgot")[0]?.language).toBe("de"); // the mail is in German
    expect(site.to("PATCH /users/me")).toHaveLength(0);
  });

  it("is kept on the account of who is logged in", async () => {
    const site = fakeApi({ "GET /users/me": () => ({ status: 200, body: ada }), "PATCH /users/me": () => ({ status: 200, body: { ...ada, language: "de" } }) });
    const { user } = open("/account");
    await screen.findByRole("heading", { name: "Your account" });
    await user.click(screen.getByRole("button", { name: "Deutsch" }));
    expect(await screen.findByText("4. März 2026")).toBeVisible();
    await waitFor(() => { expect(site.to("PATCH /users/me")[0]?.body).toEqual({ language: "de" }); });
  });

  it("says where the account could not keep it", async () => {
    fakeApi({ "GET /users/me": () => ({ status: 200, body: ada }), "PATCH /users/me": () => problem(429, "Too Many Requests") });
    const { user } = open("/account");
    await screen.findByRole("heading", { name: "Your account" });
    await user.click(screen.getByRole("button", { name: "Deutsch" }));
    expect(await screen.findByText("In Ihrem Konto bleibt die bisherige Sprache eingestellt. Zu viele Versuche. Versuchen Sie es in Kürze erneut.")).toBeVisible();
  });

  it("follows the account's own language after a login", async () => {
    fakeApi({ "GET /users/me": () => ({ status: 200, body: { ...ada, language: "en" } }) });
    open("/account", undefined, inGerman);
    expect(await screen.findByRole("heading", { name: "Your account" })).toBeVisible();
    expect(document.documentElement.lang).toBe("en");
  });
});

/** Each text of a catalogue by its path; those with a gap are filled with a mark. */
function texts(part: unknown, path = ""): (readonly [string, string])[] {
  if (typeof part === "function") return [[path, JSON.stringify((part as (...gaps: string[]) => unknown)("1", "2"))]];
  if (typeof part !== "object" || part === null) return [[path, String(part)]];
  return Object.entries(part).flatMap(([name, inner]) => texts(inner, path ? `${path}.${name}` : name));
}

describe("the catalogues", () => {
  it("leave nothing in English", () => {
    const said = new Map(texts({ ...english, more }));
    const same = texts(german).filter(([path, text]) => said.get(path) === text && text !== "").map(([path]) => path);
    const alike = ["form.within", "form.code", "more.passkeys.title"]; // with the gap filled, the same in both
    expect(same.filter((path) => !alike.includes(path))).toEqual([]);
    expect(said.size).toBeGreaterThan(150);
  });

  it("have no text that no page shows", () => {
    const files = import.meta.glob<string>(["../src/**/*.{ts,tsx}", "!../src/**/*.gen.ts", "!../src/words/{english,english-more,german}.tsx"], { query: "?raw", import: "default", eager: true });
    const sources = Object.values(files).join("\n").replaceAll(/^import .*$/gm, "");
    expect(sources.length).toBeGreaterThan(50_000);
    // Chosen by a code that comes from elsewhere.
    const byCode = /^(?:problem\.refusals|google\.reasons|more\.passkeys\.done|home\.facts|passkey\.(?:there|cannot|unused)|language\.(?:chosen|notLoaded)|more\.account\.(?:saved|unchanged))\b/;
    const idle = texts({ ...english, more }).map(([path]) => path).filter((path) => !byCode.test(path) && !new RegExp(`\\b${path.split(".").at(-1) ?? ""}\\b`).test(sources));
    expect(idle).toEqual([]);
  });
});
