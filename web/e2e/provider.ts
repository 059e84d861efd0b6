import { randomBytes } from "node:crypto";
import type { Page } from "playwright-core";

/** Who logs in at the provider of the sandbox (test/images/outside/openid), and what it says of them. */
export type Claims = { sub: string; email: string; verified?: boolean };

export function newClaims(): Claims {
  const id = randomBytes(6).toString("hex");
  return { sub: id, email: `e2e-${id}@example.com` };
}

/** Fills in the provider's page, which is open, and says yes. A lie names what the provider does wrong. */
export async function sayYes(page: Page, who: Claims, lie = ""): Promise<void> {
  await page.getByRole("heading", { name: "Who are you?" }).waitFor();
  await page.getByLabel("E-mail").fill(who.email);
  await page.getByLabel("Subject").fill(who.sub);
  await page.getByLabel("Name").fill("Grace");
  await page.getByLabel("the address is verified").setChecked(who.verified ?? true);
  await page.getByLabel("What goes wrong").selectOption(lie);
  await page.getByRole("button", { name: "Continue" }).click();
}

/** Goes in through Google from a page that offers it. */
export async function comeIn(page: Page, who: Claims, lie = ""): Promise<void> {
  await page.getByRole("link", { name: "Continue with Google" }).click();
  await sayYes(page, who, lie);
}
