import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, visit } from "./browser.ts";
import { fillLogin, leaveNothing, newPerson } from "./person.ts";
import { spoken } from "./words.ts";

const english = spoken.en.words;
const german = spoken.de.words;

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await leaveNothing(browser);
  await browser.close();
});

describe("the language", () => {
  it.each(Object.entries(spoken))("%s is that of the browser, and no other one is loaded", async (language, { locale, words }) => {
    await visit(browser, async (page) => {
      const catalogues: string[] = [];
      page.on("request", (request) => { if (request.url().includes("/assets/german")) catalogues.push(request.url()); });
      await page.goto("/");
      await page.getByRole("heading", { name: words.home.title }).waitFor();
      expect(await page.evaluate(() => document.documentElement.lang)).toBe(language);
      expect(catalogues.length).toBe(language === "en" ? 0 : 1);
    }, { locale });
  });

  it("is chosen with the keyboard, is kept in the browser, and goes with the account", async () => {
    const person = newPerson();
    await visit(browser, async (page) => {
      await page.goto("/signup");
      const choice = page.getByRole("button", { name: "Deutsch" });
      await choice.focus();
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: german.signup.title }).waitFor();
      expect(await page.getByRole("group", { name: german.language.label }).getByRole("status").textContent()).toBe(german.language.chosen);
      expect(await choice.evaluate((element) => element === document.activeElement)).toBe(true);
      await page.reload();
      await page.getByRole("heading", { name: german.signup.title }).waitFor();
      await page.getByLabel(german.form.email).fill(person.email);
      await page.getByLabel(german.form.password, { exact: true }).fill(person.password);
      await page.getByRole("main").getByRole("button", { name: german.signup.title }).click();
      await page.getByRole("heading", { name: german.signup.done }).waitFor();
    });
    await visit(browser, async (page) => {
      await page.goto("/login"); // another browser, in English
      await fillLogin(page, person);
      await page.getByRole("heading", { name: german.more.account.title }).waitFor();
      const saved = page.waitForResponse((response) => response.request().method() === "PATCH" && response.ok());
      await page.getByRole("button", { name: "English" }).click();
      await page.getByRole("heading", { name: english.more.account.title }).waitFor();
      await saved;
    });
    await visit(browser, async (page) => {
      await page.goto("/login"); // a third one, in German
      await fillLogin(page, person, german);
      await page.getByRole("heading", { name: english.more.account.title }).waitFor();
    }, { locale: "de-AT" });
  });

  it("of what the server refuses is that of the page", async () => {
    await visit(browser, async (page) => {
      await page.goto("/login");
      await fillLogin(page, newPerson(), german);
      await page.getByText(german.problem.credentials).waitFor();
      await page.goto("/signup");
      await page.getByLabel(german.form.email).fill("a,b@example.com");
      await page.getByLabel(german.form.password, { exact: true }).fill("passwordpassword");
      await page.getByRole("main").getByRole("button", { name: german.signup.title }).click();
      await page.getByText(german.problem.refusals.character).waitFor();
      await page.getByLabel(german.form.email).fill("a@example.com");
      await page.getByRole("main").getByRole("button", { name: german.signup.title }).click();
      await page.getByText(german.problem.refusals["too-common"]).waitFor();
    }, { locale: "de-DE" });
  });
});
