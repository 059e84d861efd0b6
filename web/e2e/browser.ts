import { mkdirSync } from "node:fs";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";
import { expect } from "vitest";

// Where and how the tests run:
//   BASE_URL             the site, such as https://site.example (e2e/local.ts sets it for a local server)
//   HOST_RULES           Chromium's --host-resolver-rules, such as "MAP site.example 127.0.0.1:8443"
//   IGNORE_HTTPS_ERRORS  1 where the certificate comes from a test authority
//   CHROMIUM             the browser's path
//   SCREENSHOTS          folder for pictures of every page

export function launch(): Promise<Browser> {
  const rules = process.env.HOST_RULES;
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
      ...(rules ? [`--host-resolver-rules=${rules}`] : [])],
  });
}

type Visit = (page: Page, context: BrowserContext) => Promise<void>;

const attempts = 3;

/**
 * Runs one visit in a browser profile of its own and fails on anything that
 * went wrong in its pages. Chromium drops its connections when an interface
 * comes or goes on the test machine (containers do that): such a visit says
 * nothing about the site and is made anew.
 */
export async function visit(browser: Browser, run: Visit, options: BrowserContextOptions = {}): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const seen = await visitOnce(browser, run, options);
    if (seen.networkChanged && attempt < attempts) continue;
    if (seen.failure) throw seen.failure;
    expect(seen.faults.join("\n"), "faults in the pages").toBe("");
    return;
  }
}

async function visitOnce(browser: Browser, run: Visit, options: BrowserContextOptions) {
  const context = await browser.newContext({
    baseURL: process.env.SITE_URL ?? "", // BASE_URL as the caller gave it, or the stand-in of e2e/local.ts
    ignoreHTTPSErrors: process.env.IGNORE_HTTPS_ERRORS === "1",
    locale: "en-GB",
    ...options,
  });
  context.setDefaultTimeout(15_000);
  const faults: string[] = [];
  const seen = { faults, networkChanged: false, failure: undefined as Error | undefined };
  context.on("page", (page) => { watch(page, faults); });
  context.on("requestfailed", (request) => {
    if (request.failure()?.errorText === "net::ERR_NETWORK_CHANGED") seen.networkChanged = true;
  });
  await context.exposeFunction("reportRefusal", (text: string) => faults.push(`policy: ${text}`));
  await context.addInitScript(reportRefusals);
  try {
    await run(await context.newPage(), context);
    await Promise.all(context.pages().map(settle));
  } catch (error) {
    seen.failure = error instanceof Error ? error : new Error(String(error));
  } finally {
    await context.close();
  }
  return seen;
}

/** Runs in the page: tells what the content security policy refused. */
function reportRefusals(): void {
  document.addEventListener("securitypolicyviolation", (event) => {
    (window as unknown as { reportRefusal: (text: string) => void }).reportRefusal(`${event.effectiveDirective} ${event.blockedURI}`);
  });
}

/** Lets what the page has to tell arrive. */
function settle(page: Page): Promise<void> {
  return page.evaluate(() => new Promise<void>((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
}

/** Collects script errors. Answers with an error status are no fault: pages handle them. */
function watch(page: Page, faults: string[]): void {
  page.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) faults.push(`console: ${text}`);
  });
}

export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** What a script in the page could read of the browser's storage. */
export async function storage(context: BrowserContext, page: Page) {
  const seen = await page.evaluate(async () => ({
    local: Object.fromEntries(Object.entries(localStorage)),
    session: Object.fromEntries(Object.entries(sessionStorage)),
    databases: (await indexedDB.databases()).map((database) => database.name),
    cookies: document.cookie,
  }));
  return { seen, cookies: await context.cookies() };
}
