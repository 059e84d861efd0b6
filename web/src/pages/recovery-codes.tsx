import { useFocusFirst } from "../ui/focus.ts";

/** Recovery codes, shown this once. */
export function RecoveryCodes({ codes, kept }: { codes: readonly string[]; kept: () => void }) {
  const first = useFocusFirst<HTMLParagraphElement>();
  return (
    <>
      <p ref={first} tabIndex={-1} className="alert good">Keep these recovery codes where nobody else finds them. Each lets you in once where you have nothing else. They are shown this once.</p>
      <ul className="codes">{codes.map((code) => <li key={code}><code>{code}</code></li>)}</ul>
      <p><button type="button" className="button small" onClick={kept}>I have kept them</button></p>
    </>
  );
}
