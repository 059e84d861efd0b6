import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { expectAccessible, expectNoSidewaysScroll } from "./axe.ts";
import { launch, picture, visit } from "./browser.ts";
import { fillLogin } from "./person.ts";

// Runs alone, where API_DOWN says that the site's API is stopped (see vitest.e2e.config.ts).

const windows = { desktop: { width: 1200, height: 800 }, phone: { width: 360, height: 740 } } as const;
const someone = { email: "nobody@example.com", password: "quiet harbour lamp" };

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser.close());

describe.each(Object.entries(windows))("without the API, on a %s,", (size, viewport) => {
  it("each page still says what is the matter", () =>
    visit(browser, async (page) => {
      const seen = async (name: string) => {
        await picture(page, `${name}-down-light-${size}`);
        await expectAccessible(page, `${name} without the API`);
        await expectNoSidewaysScroll(page, `${name} without the API`);
      };
      await page.goto("/");
      await page.getByRole("link", { name: "Create an account" }).waitFor();
      await seen("home");
      await page.goto("/login");
      await fillLogin(page, someone);
      await page.getByRole("alert").getByText(/busy or being updated|did not answer/).waitFor();
      await seen("login");
      await page.goto("/account");
      await page.getByRole("button", { name: "Try again" }).waitFor();
      await seen("account");
    }, { viewport }));
});
