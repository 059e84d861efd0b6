import { useMe } from "../api/session.ts";
import { Page } from "../ui/page.tsx";
import { AccountNavigation } from "./account-navigation.tsx";
import { DeleteAccount } from "./delete-account.tsx";
import { PasswordSection } from "./password.tsx";
import { SessionsSection } from "./sessions.tsx";
import { Loading } from "./states.tsx";

export function SecurityPage() {
  const me = useMe();
  if (!me.data) return <Loading />;
  return (
    <Page title="Security">
      <AccountNavigation />
      <PasswordSection user={me.data} />
      <SessionsSection />
      <DeleteAccount user={me.data} />
    </Page>
  );
}
