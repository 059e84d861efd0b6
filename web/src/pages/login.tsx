import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { googleReason } from "../google-reason.ts";
import { home, returnPath } from "../return-path.ts";
import { Alert } from "../ui/alert.tsx";
import { GoogleEntrance } from "../ui/google.tsx";
import { Page } from "../ui/page.tsx";
import { LoginForm } from "./login-form.tsx";

export function LoginPage() {
  const { next, error, code } = useSearch({ from: "/guest" });
  const refusal = googleReason(error);
  const navigate = useNavigate();
  const asked = next !== undefined && returnPath(next) !== home;

  return (
    <Page narrow title="Log in" lead={asked ? "Log in to go on to the page you asked for." : undefined}>
      {refusal && <Alert kind="bad">{refusal}</Alert>}
      <GoogleEntrance returnTo={returnPath(next)} />
      <LoginForm halfway={code !== undefined} done={() => void navigate({ to: returnPath(next), replace: true })} />
      <p className="aside">No account yet? <Link to="/signup" search={next === undefined ? {} : { next }}>Sign up</Link></p>
    </Page>
  );
}
