import { readdirSync, readFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectAccessible, expectNoSidewaysScroll } from "./axe.ts";
import { launch, picture, visit } from "./browser.ts";

// The mails as people see them: the golden files of pkg/server/letter, which its test compares with what is sent.

const folder = new URL("../../pkg/server/letter/testdata/", import.meta.url);
const letters = readdirSync(folder).filter((name) => name.endsWith(".html"));
const site = "https://site.example.com";
/** The pages that mails lead to; those with a token are shown whole, too. */
const target = /^https:\/\/site\.example\.com(?:\/(?:login|forgot|account|(?:verify|reset)#token=[\w-]{40,}))?$/;

/** Landmarks are of the mail program's page, which a mail is a part of. */
const ofPages = ["landmark-one-main", "region"];

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
});

describe.each([320, 640])("every mail, %i pixels wide", (width) => {
  it.each(["light", "dark"] as const)("fits, can be read and leads to the site in %s", async (colorScheme) => {
    expect(letters.length, "mails").toBeGreaterThanOrEqual(13);
    await visit(browser, async (page) => {
      const loaded: string[] = [];
      page.on("request", (request) => loaded.push(request.url()));
      for (const name of letters) {
        const what = `${name} (${String(width)}, ${colorScheme})`;
        await page.setContent(readFileSync(new URL(name, folder), "utf8"));
        await picture(page, `letter-${name}-${colorScheme}-${String(width)}`);
        await expectNoSidewaysScroll(page, what);
        await expectAccessible(page, what, ofPages);
        for (const link of await page.getByRole("link").all()) {
          const href = (await link.getAttribute("href")) ?? "";
          expect(href, `${what}: a link`).toMatch(target);
          expect(await link.isVisible(), `${what}: the link to ${href} can be seen`).toBe(true);
          const box = await link.boundingBox();
          expect((box?.x ?? -1) >= 0 && (box?.x ?? 0) + (box?.width ?? 0) <= width, `${what}: the link to ${href} is within the window`).toBe(true);
          if (href.includes("#token=")) expect(await page.getByText(href).isVisible(), `${what}: the address is shown`).toBe(true);
        }
        expect(await page.getByRole("link").last().getAttribute("href"), `${what}: the foot`).toBe(site);
        expect(await page.locator("body > div").first().isVisible(), `${what}: the preview, which is for lists of mails`).toBe(false);
      }
      expect(loaded, "what mails load").toEqual([]);
    }, { viewport: { width, height: 700 }, colorScheme });
  });
});
