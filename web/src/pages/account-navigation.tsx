import { Link } from "@tanstack/react-router";

/** Between the pages of an account. */
export function AccountNavigation() {
  return (
    <nav aria-label="Account" className="tabs">
      <Link to="/account" activeOptions={{ exact: true }}>Profile</Link>
      <Link to="/account/security">Security</Link>
    </nav>
  );
}
