import { useSearch } from "@tanstack/react-router";
import { useMe } from "../api/session.ts";
import { googleReason } from "../google-reason.ts";
import { Alert } from "../ui/alert.tsx";
import { Page } from "../ui/page.tsx";
import { useMore } from "../words/more.ts";
import { useWords } from "../words/provider.tsx";
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
  const words = useWords();
  const more = useMore();
  const refusal = googleReason(words, error);
  if (!me.data) return <LoadingPage />;
  return (
    <Page title={more.security.title}>
      <AccountNavigation />
      {linked === "google" && <Alert kind="good">{more.security.linked}</Alert>}
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
