/** Three stacked layers. Decoration: the name stands beside it. */
export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path className="logo-top" d="M7 12l9-5 9 5-9 5z" />
      <path className="logo-line" d="M7 16.5l9 5 9-5M7 21l9 5 9-5" />
    </svg>
  );
}
