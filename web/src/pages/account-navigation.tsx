import { Link } from "@tanstack/react-router";
import { useMore } from "../words/more.ts";

/** Between the pages of an account. */
export function AccountNavigation() {
  const more = useMore();
  return (
    <nav aria-label={more.account.navigation} className="tabs">
      <Link to="/account" activeOptions={{ exact: true }}>{more.account.profile}</Link>
      <Link to="/account/security">{more.account.security}</Link>
    </nav>
  );
}
