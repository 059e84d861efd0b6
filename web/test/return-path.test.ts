import { describe, expect, it } from "vitest";
import { returnPath } from "../src/return-path.ts";

const origin = "https://site.example";

describe("returnPath", () => {
  it.each([
    ["/account", "/account"],
    ["/account?tab=2#bio", "/account?tab=2#bio"],
    ["/", "/"],
  ])("keeps a path on this site: %s", (next, path) => {
    expect(returnPath(next, origin)).toBe(path);
  });

  it.each([
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "/\n\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "//",
    "",
    "/login",
    "/login?next=/login",
    "/signup",
    undefined,
    7,
    ["/account"],
  ])("sends %j to the account", (next) => {
    expect(returnPath(next, origin)).toBe("/account");
  });

  it("never leaves the origin when its answer is followed", () => {
    for (const next of ["/.//evil.example", "/..//evil.example", "/a/..//evil.example", "/%2f/evil.example"]) {
      expect(new URL(returnPath(next, origin), origin).origin).toBe(origin);
    }
  });
});
