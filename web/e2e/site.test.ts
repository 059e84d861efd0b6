import type { Browser, Response } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, storage, visit } from "./browser.ts";
import { fillLogin, leaveNothing, logIn, newcomer, newPerson, type Person } from "./person.ts";
import { spoken } from "./words.ts";

const maxScriptBytes = 120 * 1024;

let browser: Browser;
let person: Person;

const visiting = (run: Parameters<typeof visit>[1]) => visit(browser, run);

beforeAll(async () => {
  browser = await launch();
  person = await newcomer(browser);
});

afterAll(async () => {
  await leaveNothing(browser);
  await browser.close();
});

describe("an account", () => {
  it("is signed up for, logged in to, edited and left", () =>
    visiting(async (page) => {
      const someone = newPerson();
      await page.goto("/");
      await page.getByRole("link", { name: "Create an account" }).click();
      await page.getByLabel("E-mail").fill(someone.email);
      await page.getByLabel("Password", { exact: true }).fill(someone.password);
      await page.getByLabel("Display name").fill("Zoë Ünïcode");
      await page.getByRole("main").getByRole("button", { name: "Sign up" }).click();
      await page.getByRole("heading", { name: spoken.en.words.signup.done }).waitFor();
      await page.getByRole("main").getByRole("link", { name: "Log in" }).click();
      await fillLogin(page, someone);
      await page.getByRole("heading", { name: "Zoë Ünïcode" }).waitFor();
      await page.getByLabel("Avatar address").fill("picture.png");
      await page.getByRole("button", { name: "Save profile" }).click();
      await page.getByText("Enter an address that starts").waitFor();
      await page.getByLabel("Avatar address").fill("https://10.0.0.1/picture.png");
      await page.getByRole("button", { name: "Save profile" }).click();
      await page.locator('[name="avatar_url"][aria-invalid="true"]').waitFor();
      await page.getByLabel("Avatar address").fill("");
      await page.getByLabel("Display name").fill("Zoë <b>bold</b>");
      await page.getByLabel("About you").fill("First line\nsecond line");
      await page.getByRole("button", { name: "Save profile" }).click();
      await page.getByText("Profile saved.").waitFor();
      await page.reload();
      await page.getByRole("heading", { name: "Zoë <b>bold</b>" }).waitFor();
      expect(await page.getByLabel("About you").inputValue()).toBe("First line\nsecond line");
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByText("You are logged out.").waitFor();
      await page.goto("/account");
      await page.getByRole("heading", { name: "Log in" }).waitFor();
    }));

  it("is asked for before a protected page, which then opens", () =>
    visiting(async (page) => {
      await page.goto("/account?from=mail#bio");
      await page.getByRole("heading", { name: "Log in" }).waitFor();
      await fillLogin(page, person);
      await page.getByRole("heading", { name: "Your account" }).waitFor();
      expect(new URL(page.url()).pathname + new URL(page.url()).search + new URL(page.url()).hash).toBe("/account?from=mail#bio");
    }));

  it("does not send anyone to another site after login", () =>
    visiting(async (page) => {
      for (const next of ["//evil.example", "/\\evil.example", "/.//evil.example", "https://evil.example/"]) {
        await page.context().clearCookies();
        await page.goto(`/login?next=${encodeURIComponent(next)}`);
        await fillLogin(page, person);
        await page.getByRole("heading", { name: "Your account" }).waitFor();
        expect(new URL(page.url()).pathname).toBe("/account");
      }
    }));

  it("leaves nothing of the login where a script could read it", () =>
    visiting(async (page, context) => {
      await logIn(page, person);
      const { seen, cookies } = await storage(context, page);
      expect(seen).toEqual({ local: {}, session: {}, databases: [], cookies: "" });
      const session = cookies.find((cookie) => cookie.name === "__Host-session");
      expect(session).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", path: "/" });
    }));

  it("is shown no more after logout in another tab", () =>
    visiting(async (page, context) => {
      await logIn(page, person);
      const other = await context.newPage();
      await other.goto("/account");
      await other.getByRole("button", { name: "Log out" }).click();
      await other.getByText("You are logged out.").waitFor();
      await page.getByLabel("About you").fill("too late");
      await page.getByRole("button", { name: "Save profile" }).click();
      await page.getByRole("heading", { name: "Log in" }).waitFor();
    }));

  it("can be edited in a tab that was open before a new login", () =>
    visiting(async (page, context) => {
      await logIn(page, person);
      await page.getByLabel("Display name").fill("First");
      await page.getByRole("button", { name: "Save profile" }).click();
      await page.getByText("Profile saved.").waitFor();
      const other = await context.newPage();
      await other.goto("/account");
      await other.getByRole("button", { name: "Log out" }).click();
      await other.getByText("You are logged out.").waitFor();
      await logIn(other, person);
      await page.getByLabel("Display name").fill("Second");
      await page.getByRole("button", { name: "Save profile" }).click();
      await page.getByRole("heading", { name: "Second" }).waitFor();
    }));

  it("stays closed to a wrong password, with a word about it", () =>
    visiting(async (page) => {
      await page.goto("/login");
      await fillLogin(page, { ...person, password: "not the right one" });
      const text = await page.getByRole("alert").textContent();
      expect(text).not.toMatch(/undefined|object|stack|urn:/i);
      expect(text?.length).toBeGreaterThan(10);
    }));
});

describe("the pages", () => {
  it("work with the keyboard alone", () =>
    visiting(async (page) => {
      await page.goto("/login");
      await page.getByRole("heading", { name: "Log in" }).waitFor();
      await page.waitForLoadState("networkidle");
      await page.keyboard.press("Tab");
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to content");
      await page.keyboard.press("Enter");
      await page.keyboard.press("Tab");
      // Where the site offers Google, that comes first.
      if (await page.getByRole("link", { name: "Continue with Google" }).isVisible()) await page.keyboard.press("Tab");
      await page.keyboard.type(person.email);
      await page.keyboard.press("Tab");
      await page.keyboard.type(person.password);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Your account" }).waitFor();
      await page.waitForFunction(() => document.activeElement?.tagName === "H1");
    }));

  it("sign up with the keyboard alone, and say what is missing where the focus goes", () =>
    visiting(async (page) => {
      const someone = newPerson();
      await page.goto("/signup");
      await page.getByRole("heading", { name: "Sign up" }).waitFor();
      const focus = () => page.evaluate(() => (document.activeElement as HTMLInputElement | null)?.name ?? "");
      const tabTo = async (name: string) => {
        for (let steps = 0; (await focus()) !== name; steps++) {
          expect(steps, `no way to ${name} with the tab key`).toBeLessThan(12);
          await page.keyboard.press("Tab");
        }
      };
      await tabTo("password");
      await page.keyboard.type(someone.password);
      await page.keyboard.press("Enter");
      await page.getByText("Enter your e-mail address.").waitFor();
      expect(await focus()).toBe("email");
      await page.keyboard.type(someone.email);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: spoken.en.words.signup.done }).waitFor();
      expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("H1");
    }));

  it("say how long to wait after too many attempts", () =>
    visiting(async (page) => {
      const someone = newPerson();
      await page.goto("/login");
      for (let attempt = 0; attempt < 12; attempt++) {
        const answered = page.waitForResponse("**/api/auth/login");
        await fillLogin(page, someone);
        if ((await answered).status() === 429) break;
      }
      await page.getByRole("alert").getByText(/Too many attempts\. Try again in \d+ (seconds|minutes)\./).waitFor();
    }));

  it("tell when the API does not answer, and work after another try", () =>
    visiting(async (page) => {
      await logIn(page, person);
      await page.route("**/api/users/me", (route) => route.abort());
      await page.reload();
      await page.getByText("The site did not answer.").waitFor();
      await page.unroute("**/api/users/me");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByRole("heading", { name: "Your account" }).waitFor();
    }));

  it("load themselves anew in a tab whose release is gone", () =>
    visiting(async (page) => {
      let missing = 0;
      await page.route(/\/assets\/account-[^/]*\.js$/, (route) => (missing++ === 0 ? route.fulfill({ status: 404, body: "gone" }) : route.continue()));
      await logIn(page, person);
      expect(missing).toBeGreaterThan(1);
    }));

  it("load little, and keep what is hashed", () =>
    visiting(async (page) => {
      const answers: Response[] = [];
      page.on("response", (response) => answers.push(response));
      const answer = await page.goto("/", { waitUntil: "networkidle" });
      expect(answer?.headers()["cache-control"]).toBe("no-cache");
      const assets = answers.filter((response) => new URL(response.url()).pathname.startsWith("/assets/"));
      for (const asset of assets) {
        expect(asset.headers()["cache-control"], asset.url()).toBe("public, max-age=31536000, immutable");
      }
      const scripts = assets.filter((response) => response.url().endsWith(".js"));
      const sizes = await Promise.all(scripts.map(async (response) => (await response.request().sizes()).responseBodySize));
      expect(sizes.length).toBeGreaterThan(0);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(maxScriptBytes);
    }));

  it("run under a policy that allows no inline code", () =>
    visiting(async (page) => {
      const answer = await page.goto("/");
      const policy = answer?.headers()["content-security-policy"] ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe-(inline|eval)/);
    }));
});
