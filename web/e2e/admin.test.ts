import { createHmac } from "node:crypto";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectAccessible, expectNoSidewaysScroll } from "./axe.ts";
import { launch, picture, visit } from "./browser.ts";
import { leaveNothing, newcomer, type Person } from "./person.ts";

// Runs where STAFF_URL names the staff pages; STAFF_BASIC is "user:password" for the edge's
// own guard, STAFF_ACCOUNT "e-mail password" of a staff account (see vitest.e2e.config.ts).

const address = process.env.STAFF_URL ?? "";
const [username = "", password = ""] = (process.env.STAFF_BASIC ?? "").split(":");
const [, email = "", secret = ""] = /^(\S+) (.*)$/.exec(process.env.STAFF_ACCOUNT ?? "") ?? [];
const account: Person = { email, password: secret };
const guard: BrowserContextOptions = { httpCredentials: { username, password }, baseURL: address };
const windows = { desktop: { width: 1200, height: 800 }, phone: { width: 360, height: 740 } } as const;

let browser: Browser;
let someone: Person;

beforeAll(async () => {
  browser = await launch();
  someone = await newcomer(browser);
});

afterAll(async () => {
  await leaveNothing(browser);
  await browser.close();
});

/** Codes that let the account in once each; the first login sets the second factor up and gets them. */
let recovery: string[] = [];

/** The code of a secret now (RFC 6238). */
function totp(secret: string): string {
  const bits = Array.from(secret, (c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const sum = createHmac("sha1", key).update(step).digest();
  const at = (sum[19] ?? 0) & 15;
  return ((sum.readUInt32BE(at) & 0x7fffffff) % 1_000_000).toString().padStart(6, "0");
}

async function secondFactor(page: Page): Promise<void> {
  const setUp = page.getByRole("button", { name: "Set it up" });
  if (!(await setUp.isVisible())) {
    await page.getByLabel(/^Code of your authenticator app/).fill(recovery.pop() ?? "");
    await page.getByRole("button", { name: "Log in" }).click();
    return;
  }
  await setUp.click();
  const text = (await page.getByText("Or type the secret").textContent()) ?? "";
  await page.getByLabel("Code of the app").fill(totp(/[A-Z2-7]{32}/.exec(text)?.[0] ?? ""));
  await page.getByRole("button", { name: "Turn it on" }).click();
  await page.getByText("Your second factor is on.").waitFor();
  recovery = await page.getByRole("listitem").allTextContents();
  await page.getByRole("link", { name: "I have kept them" }).click();
}

async function comeIn(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password").fill(account.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Second factor", level: 1 }).waitFor();
  await secondFactor(page);
  await page.getByRole("heading", { name: "Users", level: 1 }).waitFor();
}

/** Searches the users for one person and opens the record. */
async function open(page: Page, person: Person): Promise<void> {
  await page.goto("/users");
  await page.getByLabel("Search").fill(person.email);
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("1 found").waitFor();
  await page.getByRole("link", { name: /^View/ }).click();
  await page.getByRole("cell", { name: person.email }).waitFor();
}

describe("the staff pages", () => {
  it("find, edit, disable and enable a user, and tell who did it, all without JavaScript", () =>
    visit(browser, async (page) => {
      const subject = await newcomer(browser);
      await comeIn(page);
      await open(page, subject);
      await page.getByRole("link", { name: "Edit" }).click();
      await page.getByLabel("Name").fill("Seen by staff");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("cell", { name: "Seen by staff" }).waitFor();
      await page.getByRole("button", { name: "Disable" }).click();
      await page.getByRole("button", { name: "Enable" }).click();
      await page.getByRole("button", { name: "Disable" }).waitFor();
      await page.goto(`/audit?f.subject_id=${new URL(page.url()).pathname.split("/").pop() ?? ""}`);
      expect(await page.getByRole("row").count()).toBeGreaterThan(3); // a head, and what was done three times
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByRole("heading", { name: "Log in" }).waitFor();
      await page.goto("/users");
      await page.getByRole("heading", { name: "Log in" }).waitFor();
      await page.close(); // a page without scripts cannot be asked to settle
    }, { ...guard, javaScriptEnabled: false }));

  it("take a passkey as the second factor, and let go of it", () =>
    visit(browser, async (page) => {
      const cdp = await page.context().newCDPSession(page);
      await cdp.send("WebAuthn.enable");
      await cdp.send("WebAuthn.addVirtualAuthenticator", {
        options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
      });
      await comeIn(page);
      await page.goto("/factor");
      await page.getByLabel("Name of the passkey").fill("Test device");
      await page.getByRole("button", { name: "Add a passkey" }).click();
      await page.getByRole("button", { name: "Make the passkey" }).click();
      await page.getByRole("button", { name: "Remove Test device" }).waitFor();
      await picture(page, "staff-passkeys");
      await expectAccessible(page, "staff passkeys");
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByLabel("E-mail").fill(account.email);
      await page.getByLabel("Password").fill(account.password);
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByRole("button", { name: "Use a passkey" }).waitFor();
      await picture(page, "staff-passkey-second-step");
      await expectAccessible(page, "staff second step");
      await page.getByRole("button", { name: "Use a passkey" }).click();
      await page.getByRole("heading", { name: "Users", level: 1 }).waitFor();
      await page.goto("/factor");
      await page.getByRole("button", { name: "Remove Test device" }).click();
      await page.getByRole("button", { name: "Remove Test device" }).waitFor({ state: "detached" });
    }, guard));

  it("keep people out who are not staff", () =>
    visit(browser, async (page) => {
      await page.goto("/");
      await page.getByLabel("E-mail").fill(someone.email);
      await page.getByLabel("Password").fill(someone.password);
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByRole("alert").waitFor();
      expect(new URL(page.url()).pathname).toBe("/login");
    }, guard));

  it("are not shown without the edge's own password", () =>
    visit(browser, async (page) => {
      await expect(page.goto("/")).rejects.toThrow("ERR_INVALID_AUTH_CREDENTIALS"); // how Chromium puts a 401
      await page.close();
    }, { baseURL: address }));
});

describe.each(Object.entries(windows))("every staff page on a %s", (size, viewport) => {
  it.each(["light", "dark"] as const)("is accessible and fits in %s", async (colorScheme) => {
    const look = async (page: Page) => {
      const seen = async (name: string) => {
        const what = `staff-${name} (${size}, ${colorScheme})`;
        await picture(page, `staff-${name}-${colorScheme}-${size}`);
        await expectAccessible(page, what);
        await expectNoSidewaysScroll(page, what);
      };
      await page.goto("/login");
      await seen("login");
      await page.getByLabel("E-mail").fill(account.email);
      await page.getByLabel("Password").fill("not the right one");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByRole("alert").waitFor();
      await seen("login-errors");
      await comeIn(page);
      await open(page, someone);
      await seen("user");
      await page.getByRole("link", { name: "Edit" }).click();
      await page.getByRole("button", { name: "Save" }).waitFor();
      await seen("user-edit");
      const sections = await page.getByRole("navigation", { name: "Sections" }).getByRole("link").evaluateAll((links) => links.map((link) => new URL((link as HTMLAnchorElement).href).pathname));
      expect(sections.length).toBeGreaterThan(3);
      for (const section of sections) {
        await page.goto(section);
        await seen(section.slice(1));
      }
      await page.goto("/users?q=nobody-has-this-name");
      await page.getByText("Nothing found.").waitFor();
      await seen("nothing");
      await page.goto("/no/such/page");
      await seen("not-found");
    };
    await visit(browser, look, { ...guard, viewport, colorScheme });
  });
});
