import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectAccessible, expectNoSidewaysScroll, expectRoomForRows } from "./axe.ts";
import { launch, picture, visit } from "./browser.ts";
import { leaveNothing, logIn, newcomer, type Person } from "./person.ts";
import { spoken, type Words } from "./words.ts";

const windows = { desktop: { width: 1200, height: 800 }, phone: { width: 320, height: 740 } } as const;

let browser: Browser;
/** Who signed up in each language: an account keeps its own. */
const people: Record<string, Person> = {};

type State = readonly [name: string, reach: (page: Page) => Promise<unknown>];

/** Each state of each page that a visitor can see, in the order of one visit. */
const statesIn = (said: Words, person: Person): readonly State[] => [
  ["home", async (page) => { await page.goto("/"); await page.getByRole("link", { name: said.home.create }).waitFor(); }],
  ["signup", async (page) => { await page.goto("/signup"); await page.getByLabel(said.form.password, { exact: true }).waitFor(); }],
  ["signup-done", async (page) => {
    await page.route("**/api/auth/signup", (route) => route.fulfill({ status: 202 }));
    await page.getByLabel(said.form.email).fill("somebody@example.com");
    await page.getByLabel(said.form.password, { exact: true }).fill("quiet harbour lamp");
    await page.getByRole("main").getByRole("button", { name: said.signup.title }).click();
    await page.getByRole("heading", { name: said.signup.done }).waitFor();
    await page.unroute("**/api/auth/signup");
    await page.goto("/signup");
    await page.getByLabel(said.form.password, { exact: true }).waitFor();
  }],
  ["signup-errors", async (page) => { await page.getByRole("main").getByRole("button", { name: said.signup.title }).click(); await page.getByText(said.check.email).waitFor(); }],
  ["login", async (page) => { await page.goto("/account"); await page.getByLabel(said.form.password, { exact: true }).waitFor(); }],
  ["login-errors", async (page) => { await page.getByRole("main").getByRole("button", { name: said.login.title, exact: true }).click(); await page.getByText(said.check.password).waitFor(); }],
  ["login-refused", async (page) => {
    await page.getByLabel(said.form.email).fill("nobody@example.com");
    await page.getByLabel(said.form.password, { exact: true }).fill("not the right one");
    await page.getByRole("main").getByRole("button", { name: said.login.title, exact: true }).click();
    await page.getByRole("alert").waitFor();
  }],
  ["forgot", async (page) => { await page.goto("/forgot"); await page.getByRole("button", { name: said.more.forgot.send }).waitFor(); }],
  ["forgot-done", async (page) => {
    await page.getByLabel(said.form.email).fill("nobody@example.com");
    await page.route("**/api/auth/password/forgot", (route) => route.fulfill({ status: 202 }));
    await page.getByRole("button", { name: said.more.forgot.send }).click();
    await page.getByRole("heading", { name: said.more.forgot.done }).waitFor();
  }],
  ["stale-link", async (page) => { await page.goto("/reset"); await page.getByRole("heading", { name: said.more.reset.stale }).waitFor(); }],
  ["reset", async (page) => { await page.goto("/reset#token=x"); await page.getByRole("button", { name: said.more.reset.set }).waitFor(); }],
  ["verify-login", async (page) => { await page.goto("/verify#token=x"); await page.getByRole("heading", { name: said.more.verify.title }).waitFor(); }],
  ["login-google", async (page) => {
    await page.route("**/api/auth/providers", (route) => route.fulfill({ json: { google: true } }));
    await page.goto("/login?error=google_cancelled");
    await page.getByRole("link", { name: said.google.carryOn }).waitFor();
  }],
  ["not-found", async (page) => { await page.goto("/no/such/page"); await page.getByRole("heading", { name: said.states.notFound }).waitFor(); }],
  ["account", (page) => logIn(page, person, said)],
  ["account-errors", async (page) => { await page.getByLabel(said.more.account.avatar).fill("picture.png"); await page.getByRole("button", { name: said.more.account.save }).click(); await page.getByText(said.check.avatar).waitFor(); }],
  ["security", async (page) => { await page.goto("/account/security"); await page.getByText(said.more.sessions.here).first().waitFor(); await page.getByRole("button", { name: said.more.identities.link }).waitFor(); }],
  ["security-linked", async (page) => {
    const identity = { id: "b3f6b1c6-9c7e-4a35-9d57-0d6b4f5b7a10", provider: "google", email: "somebody.with.a.long.name@example.com", created_at: "2026-01-02T03:04:05Z" };
    await page.route("**/api/users/me/identities", (route) => route.fulfill({ json: { identities: [identity] } }));
    await page.goto("/account/security?linked=google");
    await page.getByRole("button", { name: `${said.more.identities.unlink} ${identity.email}` }).waitFor();
  }],
  ["security-fault", async (page) => {
    await page.route("**/api/users/me/sessions", (route) => route.fulfill({ status: 503, headers: { "Retry-After": "7" } }));
    await page.goto("/account/security");
    await page.getByText(said.problem.busy(said.problem.seconds(7))).waitFor();
    await page.unroute("**/api/users/me/sessions");
    await page.unroute("**/api/users/me/identities");
    await page.goto("/account/security");
    await page.getByText(said.more.sessions.here).first().waitFor();
  }],
  ["security-delete", async (page) => { await page.getByRole("button", { name: said.more.remove.ask }).click(); await page.getByRole("button", { name: said.more.remove.submit }).click(); await page.getByText(said.check.password).waitFor(); }],
  ["home-member", async (page) => { await page.goto("/"); await page.getByRole("link", { name: said.home.toAccount }).waitFor(); }],
  ["loading", async (page) => {
    await page.route("**/api/users/me", () => undefined); // never answered
    await page.goto("/account", { waitUntil: "commit" });
    await page.getByText(said.states.loading).first().waitFor();
    await page.unroute("**/api/users/me");
  }],
  ["broken", async (page) => { await page.route("**/api/users/me", (route) => route.abort()); await page.goto("/account"); await page.getByRole("button", { name: said.form.tryAgain }).waitFor(); }],
];

beforeAll(async () => {
  browser = await launch();
  for (const [language, speech] of Object.entries(spoken)) people[language] = await newcomer(browser, speech);
});

afterAll(async () => {
  await leaveNothing(browser);
  await browser.close();
});

const visits = Object.entries(windows).flatMap(([size, viewport]) => Object.entries(spoken).map(([language, speech]) => ({ size, viewport, language, speech })));

describe.each(visits)("every page on a $size, in $language", ({ size, viewport, language, speech: { locale, words } }) => {
  it.each(["light", "dark"] as const)("is accessible and fits in %s", async (colorScheme) => {
    const person = people[language];
    if (!person) throw new Error(`nobody signed up in ${language}`);
    const look = async (page: Page) => {
      for (const [name, reach] of statesIn(words, person)) {
        await reach(page);
        const what = `${name} (${size}, ${colorScheme}, ${language})`;
        await picture(page, `${name}-${colorScheme}-${size}-${language}`);
        expect(await page.evaluate(() => document.documentElement.lang), `${what}: the page's language`).toBe(language);
        await expectAccessible(page, what);
        await expectNoSidewaysScroll(page, what);
        await expectRoomForRows(page, what);
      }
    };
    await visit(browser, look, { viewport, colorScheme, locale, reducedMotion: "reduce" });
  });
});
