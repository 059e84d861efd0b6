import { defineConfig } from "vitest/config";

// Vite gives BASE_URL a meaning of its own inside tests: keep the caller's under another name.
if (process.env.BASE_URL) process.env.SITE_URL = process.env.BASE_URL;

export default defineConfig({
  test: {
    environment: "node",
    include: ["e2e/**/*.test.ts"],
    // Mails and identities of a server elsewhere are out of reach: those tests are part of a run
    // on this machine that names where the server sends its mail and finds its provider.
    exclude: [...(process.env.MAIL_LISTEN ? [] : ["e2e/mail.test.ts"]), ...(process.env.OIDC_LISTEN ? [] : ["e2e/google.test.ts"])],
    globalSetup: ["e2e/local.ts"],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
