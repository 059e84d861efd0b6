import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectAccessible } from "./axe.ts";
import { launch, visit } from "./browser.ts";
import { deleteOwnAccount, leaveNothing, logIn, newPerson, signUp } from "./person.ts";
import { comeIn, newClaims, sayYes } from "./provider.ts";

let browser: Browser;
const visiting = (run: Parameters<typeof visit>[1]) => visit(browser, run);

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await leaveNothing(browser);
  await browser.close();
});

async function logOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText("You are logged out.").waitFor();
}

describe("Google", () => {
  it("makes an account, leads back to the page that was asked for, and logs in again", () =>
    visiting(async (page) => {
      const who = newClaims();
      await page.goto("/account/security");
      await comeIn(page, who);
      await page.getByRole("heading", { name: "Set a password" }).waitFor();
      expect(new URL(page.url()).pathname).toBe("/account/security");
      await page.getByRole("button", { name: `Unlink ${who.email}` }).waitFor();
      await expectAccessible(page, "security page without a password");
      await logOut(page);
      await page.goto("/login");
      await comeIn(page, who);
      await page.getByRole("heading", { name: "Your account" }).waitFor();
      await deleteOwnAccount(page);
    }));

  it("leads to the login with a word when it is cancelled", () =>
    visiting(async (page) => {
      await page.goto("/login");
      await page.getByRole("link", { name: "Continue with Google" }).click();
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByText("You cancelled the login at Google.").waitFor();
      await expectAccessible(page, "login after cancelling");
    }));

  it("lets nobody in on an answer that is a lie, and says so", () =>
    visiting(async (page, context) => {
      const words: Readonly<Record<string, RegExp>> = { down: /Google cannot be reached/, state: /too long|did not work/ };
      for (const lie of ["forged", "unsigned", "audience", "issuer", "nonce", "expired", "missing", "down", "state", "mixup", "error"]) {
        await page.goto("/login");
        await comeIn(page, newClaims(), lie);
        await page.getByRole("heading", { name: "Log in" }).waitFor();
        expect(await page.getByRole("alert").textContent(), lie).toMatch(words[lie] ?? /did not work/);
        expect((await context.cookies()).map((cookie) => cookie.name), lie).not.toContain("__Host-session");
      }
    }));

  it("does not take over an account of the same address, which links it after a login", () =>
    visiting(async (page) => {
      const person = newPerson();
      await signUp(page, person);
      const who = { ...newClaims(), email: person.email };
      await page.goto("/login");
      await comeIn(page, who);
      await page.getByText("There is an account with this address already.").waitFor();
      await logIn(page, person);
      await page.getByRole("link", { name: "Security" }).click();
      await page.getByRole("button", { name: "Link a Google account" }).click();
      await sayYes(page, who);
      await page.getByText("Your Google account is linked.").waitFor();
      await logOut(page);
      await page.goto("/login");
      await comeIn(page, who);
      await page.getByRole("heading", { name: "Your account" }).waitFor();
      await page.getByRole("link", { name: "Security" }).click();
      await page.getByRole("button", { name: `Unlink ${person.email}` }).click();
      await page.getByText("No Google account is linked.").waitFor();
    }));

  it("is not linked to two accounts, nor with an address that it has not confirmed", () =>
    visiting(async (page) => {
      const owner = newClaims();
      await page.goto("/login");
      await comeIn(page, { ...newClaims(), verified: false });
      await page.getByText("Google has not confirmed your e-mail address").waitFor();
      await comeIn(page, owner);
      await page.getByRole("heading", { name: "Your account" }).waitFor();
      await visiting(async (other) => {
        const person = newPerson();
        await signUp(other, person);
        await logIn(other, person);
        await other.getByRole("link", { name: "Security" }).click();
        await other.getByRole("button", { name: "Link a Google account" }).click();
        await sayYes(other, owner);
        await other.getByText("This Google account is linked to another account here.").waitFor();
      });
      await deleteOwnAccount(page);
    }));

  it("cannot be unlinked while it is the last way in", () =>
    visiting(async (page) => {
      const who = newClaims();
      await page.goto("/login?next=/account/security");
      await comeIn(page, who);
      await page.getByRole("button", { name: /^Unlink/ }).click();
      await page.getByRole("alert").waitFor();
      await page.getByRole("button", { name: `Unlink ${who.email}` }).waitFor();
      const password = "a quiet harbour lamp again";
      await page.getByLabel("New password").fill(password);
      await page.getByRole("button", { name: "Set the password" }).click();
      await page.getByText("Your password is changed.").waitFor();
      await page.getByRole("button", { name: /^Unlink/ }).click();
      await page.getByText("No Google account is linked.").waitFor();
      await page.getByRole("button", { name: "Delete the account…" }).click();
      await page.getByLabel("Your password", { exact: true }).fill(password);
      await page.getByRole("button", { name: "Delete for good" }).click();
      await page.getByText("Your account is deleted.").waitFor();
    }));
});
