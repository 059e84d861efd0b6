import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { googleReason } from "../google-reason.ts";
import { home, returnPath } from "../return-path.ts";
import { Alert } from "../ui/alert.tsx";
import { GoogleEntrance } from "../ui/google.tsx";
import { Page } from "../ui/page.tsx";
import { useWords } from "../words/provider.tsx";
import { LoginForm } from "./login-form.tsx";

export function LoginPage() {
  const { next, error, code } = useSearch({ from: "/guest" });
  const words = useWords();
  const refusal = googleReason(words, error);
  const navigate = useNavigate();
  const asked = next !== undefined && returnPath(next) !== home;

  return (
    <Page narrow title={words.login.title} lead={asked ? words.login.lead : undefined}>
      {refusal && <Alert kind="bad">{refusal}</Alert>}
      <GoogleEntrance returnTo={returnPath(next)} />
      <LoginForm halfway={code !== undefined} done={() => void navigate({ to: returnPath(next), replace: true })} />
      <p className="aside">{words.login.none} <Link to="/signup" search={next === undefined ? {} : { next }}>{words.signup.title}</Link></p>
    </Page>
  );
}
