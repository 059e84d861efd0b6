import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { expectAccessible, expectNoSidewaysScroll } from "./axe.ts";
import { launch, picture, visit } from "./browser.ts";
import { leaveNothing, logIn, newcomer, type Person } from "./person.ts";

const windows = { desktop: { width: 1200, height: 800 }, phone: { width: 360, height: 740 } } as const;

let browser: Browser;
let person: Person;

/** Each state of each page that a visitor can see, in the order of one visit. */
const states: readonly (readonly [name: string, reach: (page: Page) => Promise<unknown>])[] = [
  ["home", async (page) => { await page.goto("/"); await page.getByRole("link", { name: "Create an account" }).waitFor(); }],
  ["signup", async (page) => { await page.goto("/signup"); await page.getByLabel("Password", { exact: true }).waitFor(); }],
  ["signup-done", async (page) => {
    await page.route("**/api/auth/signup", (route) => route.fulfill({ status: 202 }));
    await page.getByLabel("E-mail").fill("somebody@example.com");
    await page.getByLabel("Password", { exact: true }).fill("quiet harbour lamp");
    await page.getByRole("main").getByRole("button", { name: "Sign up" }).click();
    await page.getByRole("heading", { name: "You are signed up" }).waitFor();
    await page.unroute("**/api/auth/signup");
    await page.goto("/signup");
    await page.getByLabel("Password", { exact: true }).waitFor();
  }],
  ["signup-errors", async (page) => { await page.getByRole("main").getByRole("button", { name: "Sign up" }).click(); await page.getByText("Enter your e-mail address.").waitFor(); }],
  ["login", async (page) => { await page.goto("/account"); await page.getByLabel("Password", { exact: true }).waitFor(); }],
  ["login-errors", async (page) => { await page.getByRole("main").getByRole("button", { name: "Log in" }).click(); await page.getByText("Enter your password.").waitFor(); }],
  ["login-refused", async (page) => {
    await page.getByLabel("E-mail").fill("nobody@example.com");
    await page.getByLabel("Password", { exact: true }).fill("not the right one");
    await page.getByRole("main").getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").waitFor();
  }],
  ["forgot", async (page) => { await page.goto("/forgot"); await page.getByRole("button", { name: "Send the link" }).waitFor(); }],
  ["forgot-done", async (page) => {
    await page.getByLabel("E-mail").fill("nobody@example.com");
    await page.route("**/api/auth/password/forgot", (route) => route.fulfill({ status: 202 }));
    await page.getByRole("button", { name: "Send the link" }).click();
    await page.getByRole("heading", { name: "Look at your mail" }).waitFor();
  }],
  ["stale-link", async (page) => { await page.goto("/reset"); await page.getByRole("heading", { name: "This link does not work" }).waitFor(); }],
  ["reset", async (page) => { await page.goto("/reset#token=x"); await page.getByRole("button", { name: "Set the password" }).waitFor(); }],
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
  ["security-linked", async (page) => {
    const identity = { id: "b3f6b1c6-9c7e-4a35-9d57-0d6b4f5b7a10", provider: "google", email: "somebody.with.a.long.name@example.com", created_at: "2026-01-02T03:04:05Z" };
    await page.route("**/api/users/me/identities", (route) => route.fulfill({ json: { identities: [identity] } }));
    await page.goto("/account/security?linked=google");
    await page.getByRole("button", { name: `Unlink ${identity.email}` }).waitFor();
  }],
  ["security-fault", async (page) => {
    await page.route("**/api/users/me/sessions", (route) => route.fulfill({ status: 503, headers: { "Retry-After": "7" } }));
    await page.goto("/account/security");
    await page.getByText("Try again in 7 seconds.").waitFor();
    await page.unroute("**/api/users/me/sessions");
    await page.unroute("**/api/users/me/identities");
    await page.goto("/account/security");
    await page.getByText("This browser").first().waitFor();
  }],
  ["security-delete", async (page) => { await page.getByRole("button", { name: "Delete the account…" }).click(); await page.getByRole("button", { name: "Delete for good" }).click(); await page.getByText("Enter your password.").waitFor(); }],
  ["home-member", async (page) => { await page.goto("/"); await page.getByRole("link", { name: "Go to your account" }).waitFor(); }],
  ["loading", async (page) => {
    await page.route("**/api/users/me", () => undefined); // never answered
    await page.goto("/account", { waitUntil: "commit" });
    await page.getByText("Loading").first().waitFor();
    await page.unroute("**/api/users/me");
  }],
  ["broken", async (page) => { await page.route("**/api/users/me", (route) => route.abort()); await page.goto("/account"); await page.getByRole("button", { name: "Try again" }).waitFor(); }],
];

beforeAll(async () => {
  browser = await launch();
  person = await newcomer(browser);
});

afterAll(async () => {
  await leaveNothing(browser);
  await browser.close();
});

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
