import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Fails with each accessibility rule that the page breaks, and where; rules of except are left out. */
export async function expectAccessible(page: Page, what: string, except: readonly string[] = []): Promise<void> {
  await page.waitForLoadState(); // words stand there before the style sheet does
  await page.evaluate(source); // Goes in through the debugger: the page's own policy allows no foreign script.
  const results = await page.evaluate((off) => {
    const { axe } = window as unknown as { axe: { run: (context: Document, options: object) => Promise<AxeResults> } };
    return axe.run(document, { preload: false, rules: Object.fromEntries(off.map((rule) => [rule, { enabled: false }])) });
  }, except);
  const broken = results.violations.map((rule) => `${rule.id}: ${rule.help}\n${rule.nodes.map((node) => `    ${node.html}\n    ${node.failureSummary ?? ""}`).join("\n")}`);
  expect(results.passes.length, `${what}: axe looked at nothing`).toBeGreaterThan(10);
  expect(broken.join("\n"), `${what}: accessibility`).toBe("");
}

/** Fails where what stands beside a text in a list leaves it less than half of the row. */
export async function expectRoomForRows(page: Page, what: string): Promise<void> {
  const shares = await page.locator(".row > div:first-child").evaluateAll((texts) => texts.map((text) => text.clientWidth / (text.parentElement?.clientWidth ?? 1)));
  expect(Math.min(1, ...shares), `${what}: the least share of a row that its text has`).toBeGreaterThan(0.5);
}

/** Fails where the page is wider than the window. */
export async function expectNoSidewaysScroll(page: Page, what: string): Promise<void> {
  const width = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  expect(width[0], `${what}: wider than the window`).toBeLessThanOrEqual(width[1] ?? 0);
}
