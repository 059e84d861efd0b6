import { randomBytes } from "node:crypto";
import type { Page } from "playwright-core";

export type Person = { email: string; password: string };

export function newPerson(): Person {
  const id = randomBytes(6).toString("hex");
  return { email: `e2e-${id}@example.com`, password: `quiet ${id} harbour lamp` };
}

export async function signUp(page: Page, person: Person): Promise<void> {
  await page.goto("/signup");
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  await page.getByRole("main").getByRole("button", { name: "Sign up" }).click();
  await page.getByRole("heading", { name: "You can log in now" }).waitFor();
}

export async function fillLogin(page: Page, person: Person): Promise<void> {
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  await page.getByRole("main").getByRole("button", { name: "Log in" }).click();
}

export async function logIn(page: Page, person: Person): Promise<void> {
  await page.goto("/login");
  await fillLogin(page, person);
  await page.getByRole("heading", { name: "Your account" }).waitFor();
}
