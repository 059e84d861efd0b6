import { useFocusFirst } from "../ui/focus.ts";
import { useMore } from "../words/more.ts";

/** Recovery codes, shown this once. */
export function RecoveryCodes({ codes, kept }: { codes: readonly string[]; kept: () => void }) {
  const more = useMore();
  const first = useFocusFirst<HTMLParagraphElement>();
  return (
    <>
      <p ref={first} tabIndex={-1} className="alert good">{more.factor.keep}</p>
      <ul className="codes">{codes.map((code) => <li key={code}><code>{code}</code></li>)}</ul>
      <p><button type="button" className="button small" onClick={kept}>{more.factor.kept}</button></p>
    </>
  );
}
