import { defineConfig } from "vitest/config";

// Vite gives BASE_URL a meaning of its own inside tests: keep the caller's under another name.
if (process.env.BASE_URL) process.env.SITE_URL = process.env.BASE_URL;

/**
 * The tests that a run is about. Mails, the provider and the staff pages are not
 * within reach of every run: naming them is asking for their tests.
 */
function filesOf(asked: NodeJS.ProcessEnv): string[] {
  if (asked.API_DOWN) return ["e2e/down.test.ts"];
  return [
    "e2e/site.test.ts", "e2e/security.test.ts", "e2e/passkey.test.ts", "e2e/language.test.ts", "e2e/look.test.ts", "e2e/letters.test.ts",
    ...(asked.MAIL_URL ? ["e2e/mail.test.ts"] : []),
    ...(asked.GOOGLE ? ["e2e/google.test.ts"] : []),
    ...(asked.STAFF_URL ? ["e2e/admin.test.ts"] : []),
  ];
}

export default defineConfig({
  test: {
    environment: "node",
    include: filesOf(process.env),
    globalSetup: ["e2e/local.ts"],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
