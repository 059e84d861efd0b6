import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, visit } from "./browser.ts";
import { Mailbox } from "./mailbox.ts";
import { fillLogin, leaveNothing, logIn, newPerson, signUp, withPassword } from "./person.ts";

// Runs where MAIL_URL names the page that shows the mails (see vitest.e2e.config.ts).

let browser: Browser;
let mailbox: Mailbox;
const visiting = (run: Parameters<typeof visit>[1]) => visit(browser, run);

beforeAll(async () => {
  mailbox = new Mailbox(process.env.MAIL_URL ?? "");
  browser = await launch();
});

afterAll(async () => {
  await leaveNothing(browser);
  await browser.close();
});

describe("mail", () => {
  it("confirms an address by its link, and says so when it is opened again", () =>
    visiting(async (page) => {
      const person = newPerson();
      await signUp(page, person);
      const link = await mailbox.link(person.email, "verify");
      await page.goto(link);
      await fillLogin(page, person);
      await page.getByRole("heading", { name: "Your address is confirmed" }).waitFor();
      expect(page.url()).not.toContain("token");
      await page.getByRole("link", { name: "Go to your account" }).click();
      await page.getByRole("heading", { name: "Your account" }).waitFor();
      expect(await page.getByText("Please confirm").count()).toBe(0);
      await page.goto(link);
      await page.getByRole("heading", { name: "Your address is confirmed" }).waitFor();
    }));

  it("leads to a new password, ends every login and works once", () =>
    visiting(async (page, context) => {
      const person = newPerson();
      await signUp(page, person);
      await logIn(page, person);
      const other = await context.newPage();
      await other.goto("/forgot");
      await other.getByLabel("E-mail").fill(person.email);
      await other.getByRole("button", { name: "Send the link" }).click();
      await other.getByRole("heading", { name: "Look at your mail" }).waitFor();
      const link = await mailbox.link(person.email, "reset");
      const next = withPassword(person, `${person.password} again`);
      await other.goto(link);
      await other.getByLabel("New password").fill(next.password);
      await other.getByRole("button", { name: "Set the password" }).click();
      await other.getByText("Your new password is set.").waitFor();
      await page.reload();
      await page.getByRole("heading", { name: "Log in" }).waitFor();
      await fillLogin(other, next);
      await other.getByRole("heading", { name: "Your account" }).waitFor();
      await other.goto(link);
      await other.getByLabel("New password").fill(`${next.password} once more`);
      await other.getByRole("button", { name: "Set the password" }).click();
      await other.getByRole("heading", { name: "This link does not work" }).waitFor();
    }));
});
