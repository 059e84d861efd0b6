import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

// The edge's policy (traefik/dynamic), so that a page that breaks it is found before it meets the edge.
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; " +
  "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/**
 * Stands in for the edge where the tests run against a server's roles on this
 * machine: with API_URL and WEB_URL set and no BASE_URL, it serves both under
 * https://DOMAIN/ (DOMAIN defaults to localhost) with a certificate made on the spot.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const { SITE_URL, API_URL, WEB_URL, DOMAIN = "localhost" } = process.env;
  if (SITE_URL) return undefined;
  if (!API_URL || !WEB_URL) throw new Error("no site to test: set BASE_URL to its address, or API_URL and WEB_URL to the roles of a local server");

  const server = createServer(certificate(DOMAIN), (incoming, outgoing) => {
    const path = incoming.url ?? "/";
    if (path === "/api" || path.startsWith("/api/")) forward(incoming, outgoing, API_URL, path.slice("/api".length) || "/");
    else forward(incoming, outgoing, WEB_URL, path);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  process.env.SITE_URL = `https://${DOMAIN}`;
  process.env.HOST_RULES = `MAP ${DOMAIN}:443 127.0.0.1:${port}`;
  process.env.IGNORE_HTTPS_ERRORS = "1";
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, target: string, path: string): void {
  const headers = { ...incoming.headers, "x-forwarded-proto": "https", "x-forwarded-host": incoming.headers.host, "x-forwarded-for": incoming.socket.remoteAddress };
  const onward = request(new URL(path, target), { method: incoming.method ?? "GET", headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, "content-security-policy": policy });
    answer.pipe(outgoing);
  });
  onward.on("error", (error) => {
    if (!outgoing.headersSent) outgoing.writeHead(502);
    outgoing.end(`no answer from ${target}: ${error.message}`);
  });
  incoming.pipe(onward);
}

function certificate(domain: string): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "web-e2e-"));
  try {
    const key = join(folder, "key.pem");
    const cert = join(folder, "cert.pem");
    execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
      "-subj", `/CN=${domain}`, "-addext", `subjectAltName=DNS:${domain}`, "-keyout", key, "-out", cert], { stdio: "pipe" });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
