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

const attempts = 10;

/** Chromium dropped its connections, as it does when an interface comes or goes on the test machine (containers do that). */
class NetworkChanged extends Error {
  constructor() {
    super(`the test machine's network interfaces changed during each of ${String(attempts)} visits`);
  }
}

/**
 * Runs one visit in a browser profile of its own and fails on anything that
 * went wrong in its pages. A visit whose connections Chromium dropped says
 * nothing about the site and is made anew: what it needs, it has to make itself.
 */
export async function visit(browser: Browser, run: Visit, options: BrowserContextOptions = {}): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await visitOnce(browser, run, options);
      return;
    } catch (error) {
      if (!(error instanceof NetworkChanged) || attempt === attempts) throw error;
    }
  }
}

/** A visit that is a part of another one, which is made anew as a whole. */
export async function visitOnce(browser: Browser, run: Visit, options: BrowserContextOptions = {}): Promise<void> {
  const context = await browser.newContext({
    baseURL: process.env.SITE_URL ?? "", // BASE_URL as the caller gave it, or the stand-in of e2e/local.ts
    ignoreHTTPSErrors: process.env.IGNORE_HTTPS_ERRORS === "1",
    locale: "en-GB",
    ...options,
  });
  context.setDefaultTimeout(15_000);
  const faults: string[] = [];
  const dropped = new AbortController();
  context.on("page", (page) => { watch(page, faults); });
  context.on("requestfailed", (request) => {
    if (request.failure()?.errorText !== "net::ERR_NETWORK_CHANGED" || request.resourceType() === "other") return; // a page does without its icon
    dropped.abort();
    void context.close(); // ends whatever the visit waits for
  });
  await context.exposeFunction("reportRefusal", (text: string) => faults.push(`policy: ${text}`));
  await context.addInitScript(reportRefusals);
  try {
    await run(await context.newPage(), context);
    await Promise.all(context.pages().map(settle));
  } catch (error) {
    throw dropped.signal.aborted ? new NetworkChanged() : error;
  } finally {
    await context.close();
  }
  if (dropped.signal.aborted) throw new NetworkChanged();
  expect(faults.join("\n"), "faults in the pages").toBe("");
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

/** What a browser says of an answer with an error status, or of a script that is gone: no fault, pages handle them. */
const handled = /^Failed to load resource|^TypeError: Failed to fetch dynamically imported module/;

/** Collects script errors. */
function watch(page: Page, faults: string[]): void {
  page.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !handled.test(text)) faults.push(`console: ${text}`);
  });
}

export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  await page.waitForLoadState();
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
