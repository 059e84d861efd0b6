// @vitest-environment node
import { ESLint } from "eslint";
import { describe, expect, it } from "vitest";

/** The rule that keeps what people read in the catalogues, tried on code that breaks it. */
async function refused(code: string): Promise<boolean> {
  const [result] = await new ESLint().lintText(code, { filePath: "src/app.tsx" });
  expect(result?.messages.filter((m) => m.fatal)).toEqual([]);
  return result?.messages.some((m) => m.ruleId === "no-restricted-syntax" && m.message.includes("src/words")) ?? false;
}

describe("text that stands in no catalogue", () => {
  it.each([
    "export const a = <p>Hello</p>;",
    "export const a = <p>{b} Straße</p>; declare const b: string;",
    'export const a = <p title="Hello" />;',
    'export const a = <button aria-label={b ? "Open" : "Close"} />; declare const b: boolean;',
    'export const a = <p>{b ? "Hide" : "Show"}</p>; declare const b: boolean;',
    'export const a = <p>{b && "Ended."}</p>; declare const b: boolean;',
    "export const a = <p>{`Since ${b}`}</p>; declare const b: string;",
    'export const a = () => b("Profile saved."); declare const b: (t: string) => void;',
    'export const a = () => b("Removed."); declare const b: (t: string) => void;',
    "export const a = (b: string) => `Another name for ${b}`;",
    'export const a = { text: "You are logged out" };',
  ])("is refused: %s", async (code) => {
    expect(await refused(code)).toBe(true);
  });

  it.each([
    'export const a = <p className="alert good" />;',
    "export const a = <p className={`alert ${b}`}> · {b}</p>; declare const b: string;",
    'export const a = () => { throw new Error("index.html has no element #root"); };',
    'export const a = (b: string) => b === "second-factor" ? "code" : "password";',
    'export const a = <input type="email" autoComplete="username" />;',
  ])("is not meant: %s", async (code) => {
    expect(await refused(code)).toBe(false);
  });
});
