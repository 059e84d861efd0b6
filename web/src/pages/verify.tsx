import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useVerifyEmail } from "../api/account.ts";
import { explain, Problem } from "../api/problem.ts";
import { useMe } from "../api/session.ts";
import { useMailToken } from "../mail-token.ts";
import { Alert } from "../ui/alert.tsx";
import { Page } from "../ui/page.tsx";
import { LoginForm } from "./login-form.tsx";
import { StaleLink } from "./reset.tsx";
import { LoadingPage } from "./states.tsx";

/**
 * Where the mail's link leads: confirms the address. The user must be logged
 * in, and logs in right here, so that the token goes into no other address.
 */
export function VerifyPage() {
  const token = useMailToken();
  const me = useMe();
  if (!token) return <StaleLink again="/account" />;
  if (me.isPending) return <LoadingPage />;
  if (!me.data) {
    return (
      <Page narrow title="Confirm your address" lead="Log in, and your address is confirmed.">
        <LoginForm done={() => undefined} />
      </Page>
    );
  }
  return <Confirmation token={token} confirmed={me.data.email_verified} />;
}

/** A link that is opened twice is no mistake: the address is confirmed. */
function Confirmation({ token, confirmed }: { token: string; confirmed: boolean }) {
  const { mutate, isSuccess, error } = useVerifyEmail();
  const sent = useRef("");
  useEffect(() => {
    if (confirmed || sent.current === token) return;
    sent.current = token;
    mutate(token);
  }, [mutate, token, confirmed]);

  if (isSuccess || confirmed) {
    return (
      <Page narrow focus title="Your address is confirmed" lead="Thank you. That was all.">
        <p><Link to="/account" className="button">Go to your account</Link></p>
      </Page>
    );
  }
  if (error instanceof Problem && error.status === 400) return <StaleLink again="/account" />;
  if (error) {
    return (
      <Page narrow focus title="Not confirmed yet">
        <Alert kind="bad">{explain(error)}</Alert>
        <p><button type="button" className="button" onClick={() => { mutate(token); }}>Try again</button></p>
      </Page>
    );
  }
  return <LoadingPage />;
}
