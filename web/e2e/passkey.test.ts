import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { picture, launch, visit } from "./browser.ts";
import { leaveNothing, logIn, newPerson, signUp, type Person } from "./person.ts";
import { expectAccessible } from "./axe.ts";

let browser: Browser;
const visiting = (run: Parameters<typeof visit>[1]) => visit(browser, run);

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await leaveNothing(browser);
  await browser.close();
});

/** A device with a screen lock, in software: Chromium's own (WebDriver, 11). */
async function device(page: Page): Promise<{ cdp: CDPSession; id: string }> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  return { cdp, id: authenticatorId };
}

/** A new account with a passkey, logged in to, with its security page open. */
async function withPasskey(page: Page): Promise<Person> {
  const person = newPerson();
  await signUp(page, person);
  await logIn(page, person);
  await page.getByRole("link", { name: "Security" }).click();
  await page.getByLabel("Name of the passkey").fill("Test device");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("Keep these recovery codes").waitFor();
  await picture(page, "passkey-codes");
  await page.getByRole("button", { name: "I have kept them" }).click();
  await page.getByRole("button", { name: "Remove Test device" }).waitFor();
  return person;
}

/** Takes the passkeys away, so that the account can be deleted with its password alone. */
async function withoutPasskey(page: Page): Promise<void> {
  await page.goto("/account/security");
  await page.getByRole("button", { name: "Remove Test device" }).click();
  await page.getByText("Removed.").waitFor();
}

async function logOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText("You are logged out.").waitFor();
}

describe("a passkey", () => {
  it("logs in alone, and after the password", () =>
    visiting(async (page) => {
      await device(page);
      const person = await withPasskey(page);
      await expectAccessible(page, "passkeys");
      await picture(page, "passkeys");
      await logOut(page);
      await page.goto("/login");
      await picture(page, "passkey-login");
      await page.getByRole("button", { name: "Use a passkey" }).click();
      await page.getByRole("heading", { name: "Your account" }).waitFor();
      await logOut(page);

      await page.goto("/login");
      await page.getByLabel("E-mail").fill(person.email);
      await page.getByLabel("Password", { exact: true }).fill(person.password);
      await page.getByRole("main").getByRole("button", { name: "Log in" }).click();
      await page.getByRole("button", { name: "Use a passkey" }).waitFor();
      await expectAccessible(page, "the second step");
      await picture(page, "passkey-second-step");
      await page.getByRole("button", { name: "Use a passkey" }).click();
      await page.getByRole("heading", { name: "Your account" }).waitFor();
      await withoutPasskey(page);
    }));

  it("is refused where nobody was verified, and where it is gone", () =>
    visiting(async (page) => {
      const { cdp, id } = await device(page);
      await withPasskey(page);
      const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId: id });
      expect(credentials).toHaveLength(1);
      expect(credentials[0]?.isResidentCredential).toBe(true);
      await cdp.send("WebAuthn.setUserVerified", { authenticatorId: id, isUserVerified: false });
      await logOut(page);
      await page.goto("/login");
      await page.getByRole("button", { name: "Use a passkey" }).click();
      await page.getByText("No passkey was used.").waitFor();
      await cdp.send("WebAuthn.setUserVerified", { authenticatorId: id, isUserVerified: true });
      await page.getByRole("button", { name: "Use a passkey" }).click();
      await page.getByRole("heading", { name: "Your account" }).waitFor();
      await withoutPasskey(page);
      await logOut(page);
      await page.goto("/login");
      await page.getByRole("button", { name: "Use a passkey" }).click();
      await page.getByText("The passkey was not accepted.").waitFor();
    }));
});
