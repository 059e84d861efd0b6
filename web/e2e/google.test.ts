import { randomBytes } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, visit } from "./browser.ts";
import { logIn, newPerson, signUp } from "./person.ts";
import { Provider, type Claims } from "./provider.ts";

// Runs where OIDC_LISTEN names the address of the server's OAUTH_ISSUER (see vitest.e2e.config.ts).

let browser: Browser;
let provider: Provider;
const visiting = (run: Parameters<typeof visit>[1]) => visit(browser, run);

beforeAll(async () => {
  provider = new Provider(process.env.OIDC_LISTEN ?? "");
  browser = await launch();
});

afterAll(async () => {
  provider.close();
  await browser.close();
});

function newClaims(): Claims {
  const id = randomBytes(6).toString("hex");
  return { sub: id, email: `e2e-${id}@example.com`, email_verified: true, name: "Grace" };
}

async function comeIn(page: Page, answer: "Yes" | "No"): Promise<void> {
  await page.getByRole("link", { name: "Continue with Google" }).click();
  await page.getByRole("link", { name: answer }).click();
}

describe("Google", () => {
  it("makes an account, leads back to the page that was asked for, and logs in again", () =>
    visiting(async (page) => {
      provider.who = newClaims();
      await page.goto("/account/security");
      await comeIn(page, "Yes");
      await page.getByRole("heading", { name: "Set a password" }).waitFor();
      expect(new URL(page.url()).pathname).toBe("/account/security");
      await page.getByRole("button", { name: `Unlink ${provider.who.email}` }).waitFor();
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByText("You are logged out.").waitFor();
      await page.goto("/login");
      await comeIn(page, "Yes");
      await page.getByRole("heading", { name: "Your account" }).waitFor();
    }));

  it("leads to the login with a word when it is cancelled", () =>
    visiting(async (page) => {
      await page.goto("/login");
      await comeIn(page, "No");
      await page.getByText("You cancelled the login at Google.").waitFor();
    }));

  it("does not take over an account of the same address, which links it after a login", () =>
    visiting(async (page) => {
      const person = newPerson();
      await signUp(page, person);
      provider.who = { ...newClaims(), email: person.email };
      await page.goto("/login");
      await comeIn(page, "Yes");
      await page.getByText("There is an account with this address already.").waitFor();
      await logIn(page, person);
      await page.getByRole("link", { name: "Security" }).click();
      await page.getByRole("button", { name: "Link a Google account" }).click();
      await page.getByRole("link", { name: "Yes" }).click();
      await page.getByText("Your Google account is linked.").waitFor();
      await page.getByRole("button", { name: `Unlink ${person.email}` }).click();
      await page.getByText("No Google account is linked.").waitFor();
    }));

  it("cannot be unlinked while it is the last way in", () =>
    visiting(async (page) => {
      provider.who = newClaims();
      await page.goto("/login?next=/account/security");
      await comeIn(page, "Yes");
      await page.getByRole("button", { name: /^Unlink/ }).click();
      await page.getByRole("alert").waitFor();
      await page.getByRole("button", { name: `Unlink ${provider.who.email}` }).waitFor();
      await page.getByLabel("New password").fill("a quiet harbour lamp again");
      await page.getByRole("button", { name: "Set the password" }).click();
      await page.getByText("Your password is changed.").waitFor();
      await page.getByRole("button", { name: /^Unlink/ }).click();
      await page.getByText("No Google account is linked.").waitFor();
    }));
});
