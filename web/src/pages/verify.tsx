import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useVerifyEmail } from "../api/account.ts";
import { explain, Problem } from "../api/problem.ts";
import { useMe } from "../api/session.ts";
import { useMailToken } from "../mail-token.ts";
import { Alert } from "../ui/alert.tsx";
import { Page } from "../ui/page.tsx";
import { useMore } from "../words/more.ts";
import { useWords } from "../words/provider.tsx";
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
  const more = useMore();
  if (!token) return <StaleLink again="/account" />;
  if (me.isPending) return <LoadingPage />;
  if (!me.data) {
    return (
      <Page narrow title={more.verify.title} lead={more.verify.lead}>
        <LoginForm done={() => undefined} />
      </Page>
    );
  }
  return <Confirmation token={token} confirmed={me.data.email_verified} />;
}

/** A link that is opened twice is no mistake: the address is confirmed. */
function Confirmation({ token, confirmed }: { token: string; confirmed: boolean }) {
  const { mutate, isSuccess, error } = useVerifyEmail();
  const words = useWords();
  const more = useMore();
  const sent = useRef("");
  useEffect(() => {
    if (confirmed || sent.current === token) return;
    sent.current = token;
    mutate(token);
  }, [mutate, token, confirmed]);

  if (isSuccess || confirmed) {
    return (
      <Page narrow focus title={more.verify.done} lead={more.verify.doneLead}>
        <p><Link to="/account" className="button">{words.home.toAccount}</Link></p>
      </Page>
    );
  }
  if (error instanceof Problem && error.status === 400) return <StaleLink again="/account" />;
  if (error) {
    return (
      <Page narrow focus title={more.verify.failed}>
        <Alert kind="bad">{explain(words, error)}</Alert>
        <p><button type="button" className="button" onClick={() => { mutate(token); }}>{words.form.tryAgain}</button></p>
      </Page>
    );
  }
  return <LoadingPage />;
}
