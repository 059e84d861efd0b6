import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, visit, visitOnce } from "./browser.ts";
import { fillLogin, leaveNothing, logIn, newPerson, signUp, withPassword, type Person } from "./person.ts";

let browser: Browser;
const visiting = (run: Parameters<typeof visit>[1]) => visit(browser, run);

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await leaveNothing(browser);
  await browser.close();
});

/** A new account, logged in to, with its security page open. */
async function openSecurity(page: Page): Promise<Person> {
  const person = newPerson();
  await signUp(page, person);
  await logIn(page, person);
  await page.getByRole("link", { name: "Security" }).click();
  await page.getByText("This browser").waitFor();
  return person;
}

/** A second login to the same account, in a browser profile of its own. */
async function elsewhere(person: Person, run: (page: Page) => Promise<void>): Promise<void> {
  await visitOnce(browser, async (page) => {
    await logIn(page, person);
    await run(page);
  });
}

describe("the security page", () => {
  it("shows each login and ends one of them at once", () =>
    visiting(async (page) => {
      const person = await openSecurity(page);
      await page.getByText("You are logged in nowhere else.").waitFor();
      await elsewhere(person, async (other) => {
        await page.reload();
        await page.getByRole("button", { name: /^End the session/ }).click();
        await page.getByText("You are logged in nowhere else.").waitFor();
        await other.reload();
        await other.getByRole("heading", { name: "Log in" }).waitFor();
      });
    }));

  it("ends all the other logins at once", () =>
    visiting(async (page) => {
      const person = await openSecurity(page);
      await elsewhere(person, (first) =>
        elsewhere(person, async (second) => {
          await page.reload();
          await page.getByRole("button", { name: "End all other sessions" }).click();
          await page.getByText("You are logged in nowhere else.").waitFor();
          for (const other of [first, second]) {
            await other.reload();
            await other.getByRole("heading", { name: "Log in" }).waitFor();
          }
        }));
    }));

  it("changes the password: other logins end, this one stays, the old password is worthless", () =>
    visiting(async (page) => {
      const person = await openSecurity(page);
      const next = withPassword(person, `${person.password} and more`);
      await elsewhere(person, async (other) => {
        await page.getByLabel("Current password").fill(person.password);
        await page.getByLabel("New password").fill(next.password);
        await page.getByRole("button", { name: "Change the password" }).click();
        await page.getByText("Your password is changed.").waitFor();
        await other.reload();
        await other.getByRole("heading", { name: "Log in" }).waitFor();
        await fillLogin(other, person);
        await other.getByRole("alert").waitFor();
        await fillLogin(other, next);
        await other.getByRole("heading", { name: "Your account" }).waitFor();
      });
      await page.getByRole("link", { name: "Profile" }).click();
      await page.getByLabel("About you").fill("still here");
      await page.getByRole("button", { name: "Save profile" }).click();
      await page.getByText("Profile saved.").waitFor();
    }));

  it("refuses a wrong current password at its field", () =>
    visiting(async (page) => {
      const person = await openSecurity(page);
      await page.getByLabel("Current password").fill("not the right one");
      await page.getByLabel("New password").fill(`${person.password} and more`);
      await page.getByRole("button", { name: "Change the password" }).click();
      await page.getByText("This is wrong.").waitFor();
    }));

  it("deletes the account for good", () =>
    visiting(async (page) => {
      const person = await openSecurity(page);
      await page.getByRole("button", { name: "Delete the account…" }).click();
      await page.getByLabel("Your password", { exact: true }).fill(person.password);
      await page.getByRole("button", { name: "Delete for good" }).click();
      await page.getByText("Your account is deleted.").waitFor();
      await page.goto("/login");
      await fillLogin(page, person);
      await page.getByRole("alert").waitFor();
    }));
});

describe("a link from a mail that is no good", () => {
  it("does not set a password", () =>
    visiting(async (page) => {
      await page.goto("/reset#token=made-up");
      await page.getByLabel("New password").fill("a quiet harbour lamp again");
      expect(page.url()).not.toContain("made-up");
      await page.getByRole("button", { name: "Set the password" }).click();
      await page.getByRole("heading", { name: "This link does not work" }).waitFor();
    }));

  it("does not confirm an address", () =>
    visiting(async (page) => {
      const person = newPerson();
      await signUp(page, person);
      await page.goto("/verify#token=made-up");
      await fillLogin(page, person);
      await page.getByRole("heading", { name: "This link does not work" }).waitFor();
      expect(page.url()).not.toContain("made-up");
    }));
});
