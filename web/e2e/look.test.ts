import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { expectAccessible, expectNoSidewaysScroll } from "./axe.ts";
import { launch, picture, visit } from "./browser.ts";
import { logIn, newPerson, signUp } from "./person.ts";

const windows = { desktop: { width: 1200, height: 800 }, phone: { width: 360, height: 740 } } as const;

let browser: Browser;
const person = newPerson();

/** Each state of each page that a visitor can see, in the order of one visit. */
const states: readonly (readonly [name: string, reach: (page: Page) => Promise<unknown>])[] = [
  ["home", async (page) => { await page.goto("/"); await page.getByRole("link", { name: "Create an account" }).waitFor(); }],
  ["signup", async (page) => { await page.goto("/signup"); await page.getByLabel("Password", { exact: true }).waitFor(); }],
  ["signup-errors", async (page) => { await page.getByRole("main").getByRole("button", { name: "Sign up" }).click(); await page.getByText("Enter your e-mail address.").waitFor(); }],
  ["login", async (page) => { await page.goto("/account"); await page.getByLabel("Password", { exact: true }).waitFor(); }],
  ["login-errors", async (page) => { await page.getByRole("main").getByRole("button", { name: "Log in" }).click(); await page.getByText("Enter your password.").waitFor(); }],
  ["forgot", async (page) => { await page.goto("/forgot"); await page.getByRole("button", { name: "Send the link" }).waitFor(); }],
  ["reset", async (page) => { await page.goto("/reset#token=x"); await page.getByRole("button", { name: "Set the password" }).waitFor(); }],
  ["stale-link", async (page) => { await page.goto("/reset"); await page.getByRole("heading", { name: "This link does not work" }).waitFor(); }],
  ["verify-login", async (page) => { await page.goto("/verify#token=x"); await page.getByRole("heading", { name: "Confirm your address" }).waitFor(); }],
  ["login-google", async (page) => {
    await page.route("**/api/auth/providers", (route) => route.fulfill({ json: { google: true } }));
    await page.goto("/login?error=google_cancelled");
    await page.getByRole("link", { name: "Continue with Google" }).waitFor();
  }],
  ["not-found", async (page) => { await page.goto("/no/such/page"); await page.getByRole("heading", { name: "Page not found" }).waitFor(); }],
  ["account", (page) => logIn(page, person)],
  ["account-errors", async (page) => { await page.getByLabel("Avatar address").fill("picture.png"); await page.getByRole("button", { name: "Save profile" }).click(); await page.getByText("Enter an address that starts").waitFor(); }],
  ["security", async (page) => { await page.goto("/account/security"); await page.getByText("This browser").first().waitFor(); await page.getByRole("button", { name: "Link a Google account" }).waitFor(); }],
  ["security-delete", async (page) => { await page.getByRole("button", { name: "Delete the account…" }).click(); await page.getByRole("button", { name: "Delete for good" }).click(); await page.getByText("Enter your password.").waitFor(); }],
  ["home-member", async (page) => { await page.goto("/"); await page.getByRole("link", { name: "Go to your account" }).waitFor(); }],
  ["broken", async (page) => { await page.route("**/api/users/me", (route) => route.abort()); await page.goto("/account"); await page.getByRole("button", { name: "Try again" }).waitFor(); }],
];

beforeAll(async () => {
  browser = await launch();
  await visit(browser, (page) => signUp(page, person));
});

afterAll(() => browser.close());

describe.each(Object.entries(windows))("every page on a %s", (size, viewport) => {
  it.each(["light", "dark"] as const)("is accessible and fits in %s", async (colorScheme) => {
    const look = async (page: Page) => {
      for (const [name, reach] of states) {
        await reach(page);
        const what = `${name} (${size}, ${colorScheme})`;
        await picture(page, `${name}-${colorScheme}-${size}`);
        await expectAccessible(page, what);
        await expectNoSidewaysScroll(page, what);
      }
    };
    await visit(browser, look, { viewport, colorScheme, reducedMotion: "reduce" });
  });
});
