import { useSearch } from "@tanstack/react-router";
import { useMe } from "../api/session.ts";
import { googleReason } from "../google-reason.ts";
import { Alert } from "../ui/alert.tsx";
import { Page } from "../ui/page.tsx";
import { AccountNavigation } from "./account-navigation.tsx";
import { FactorSection } from "./factor.tsx";
import { DeleteAccount } from "./delete-account.tsx";
import { IdentitiesSection } from "./identities.tsx";
import { PasskeysSection } from "./passkeys.tsx";
import { PasswordSection } from "./password.tsx";
import { SessionsSection } from "./sessions.tsx";
import { LoadingPage } from "./states.tsx";

export function SecurityPage() {
  const me = useMe();
  const { linked, error } = useSearch({ from: "/member/account/security" });
  const refusal = googleReason(error);
  if (!me.data) return <LoadingPage />;
  return (
    <Page title="Security">
      <AccountNavigation />
      {linked === "google" && <Alert kind="good">Your Google account is linked. You can log in with it now.</Alert>}
      {refusal && <Alert kind="bad">{refusal}</Alert>}
      <PasswordSection user={me.data} />
      <FactorSection user={me.data} />
      <PasskeysSection />
      <IdentitiesSection />
      <SessionsSection />
      <DeleteAccount user={me.data} />
    </Page>
  );
}
