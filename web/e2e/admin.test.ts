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

async function comeIn(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password").fill(account.password);
  await page.getByRole("button", { name: "Log in" }).click();
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
