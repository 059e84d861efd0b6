// Measures what a first visit to a page of a deployed site costs, in Chromium
// with an empty cache: first contentful paint, bytes over the wire, requests.
//
//   BASE_URL=https://site.example HOST_RULES="MAP site.example 127.0.0.1:8443" npm run load
//
// Each page is loaded RUNS times (default 9), at full speed and over a line of
// 1.6 Mbit/s with 150 ms for a round trip (Lighthouse's "slow 4G").
import { chromium } from "playwright-core";

const site = process.env.BASE_URL;
if (!site) {
  console.error("no site to measure: set BASE_URL to its address");
  process.exit(2);
}
const runs = Number(process.env.RUNS ?? 9);
const rules = process.env.HOST_RULES;
const lines = { "full speed": undefined, "slow 4G": { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 } };

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** One first visit, in a profile of its own. */
async function load(browser, path, line) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1200, height: 800 } });
  try {
    const page = await context.newPage();
    const wire = await context.newCDPSession(page);
    await wire.send("Network.enable");
    if (line) await wire.send("Network.emulateNetworkConditions", line);
    let bytes = 0;
    let requests = 0;
    wire.on("Network.loadingFinished", (event) => {
      bytes += event.encodedDataLength;
      requests++;
    });
    await page.goto(site + path, { waitUntil: "networkidle" });
    const paint = await page.evaluate(() => new Promise((resolve) => {
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (entry.name === "first-contentful-paint") resolve(entry.startTime);
      }).observe({ type: "paint", buffered: true });
    }));
    return { paint, bytes, requests };
  } finally {
    await context.close();
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", ...(rules ? [`--host-resolver-rules=${rules}`] : [])],
});
try {
  console.log("| page | line | first contentful paint, median (fastest–slowest) | transferred | requests |\n|---|---|---|---|---|");
  for (const path of ["/", "/signup", "/login"]) {
    for (const [name, line] of Object.entries(lines)) {
      const seen = [];
      for (let run = 0; run < runs; run++) seen.push(await load(browser, path, line));
      const paints = seen.map((one) => one.paint);
      console.log(`| \`${path}\` | ${name} | ${Math.round(median(paints))} ms (${Math.round(Math.min(...paints))}–${Math.round(Math.max(...paints))}) | ${(median(seen.map((one) => one.bytes)) / 1000).toFixed(1)} kB | ${median(seen.map((one) => one.requests))} |`);
    }
  }
} finally {
  await browser.close();
}
