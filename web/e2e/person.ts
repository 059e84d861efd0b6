import { randomBytes } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { visit } from "./browser.ts";
import { spoken, type Words } from "./words.ts";

export type Person = { email: string; password: string };

/** Everybody that the tests of one file made, for leaveNothing. */
const made: Person[] = [];

export function newPerson(): Person {
  const id = randomBytes(6).toString("hex");
  const person = { email: `e2e-${id}@example.com`, password: `quiet ${id} harbour lamp` };
  made.push(person);
  return person;
}

/** The same person after a change of password. */
export function withPassword(person: Person, password: string): Person {
  const next = { ...person, password };
  made.push(next);
  return next;
}

export async function signUp(page: Page, person: Person, words: Words = spoken.en.words): Promise<void> {
  await page.goto("/signup");
  await page.getByLabel(words.form.email).fill(person.email);
  await page.getByLabel(words.form.password, { exact: true }).fill(person.password);
  await page.getByRole("main").getByRole("button", { name: words.signup.title }).click();
  await page.getByRole("heading", { name: words.signup.done }).waitFor();
}

/** Somebody who has just signed up; a new one whenever the visit has to be made anew. */
export async function newcomer(browser: Browser, { locale, words }: { locale: string; words: Words } = spoken.en): Promise<Person> {
  let person!: Person;
  await visit(browser, (page) => {
    person = newPerson();
    return signUp(page, person, words);
  }, { locale });
  return person;
}

export async function fillLogin(page: Page, person: Person, words: Words = spoken.en.words): Promise<void> {
  await page.getByLabel(words.form.email).fill(person.email);
  await page.getByLabel(words.form.password, { exact: true }).fill(person.password);
  await page.getByRole("main").getByRole("button", { name: words.login.title, exact: true }).click();
}

export async function logIn(page: Page, person: Person, words: Words = spoken.en.words): Promise<void> {
  await page.goto("/login");
  await fillLogin(page, person, words);
  await page.getByRole("heading", { name: words.more.account.title }).waitFor();
}

/** Deletes an account that is logged in to and has no password. */
export async function deleteOwnAccount(page: Page): Promise<void> {
  await page.goto("/account/security");
  await page.getByRole("button", { name: "Delete the account…" }).click();
  await page.getByRole("button", { name: "Delete for good" }).click();
  await page.getByText("Your account is deleted.").waitFor();
}

/** Deletes the accounts that the tests of this file made. Call it when they are over. */
export async function leaveNothing(browser: Browser): Promise<void> {
  await visit(browser, async (page, context) => {
    for (let person = made.at(-1); person; made.pop(), person = made.at(-1)) {
      await context.clearCookies();
      await page.goto("/");
      await page.evaluate(deleteThroughAPI, person);
    }
  });
}

/** Runs in the page. A person whose password is not this one (any more) is not logged in, and stays. */
async function deleteThroughAPI(person: Person): Promise<void> {
  const send = async (method: string, path: string, body: object) => {
    const { token } = (await (await fetch("/api/auth/csrf")).json()) as { token: string };
    return fetch(`/api${path}`, { method, headers: { "Content-Type": "application/json", "X-CSRF-Token": token }, body: JSON.stringify(body) });
  };
  const login = await send("POST", "/auth/login", { email: person.email, password: person.password });
  if (login.ok) await send("DELETE", "/users/me", { password: person.password });
}
