import { useState } from "react";
import type { User } from "../api/client.ts";
import { useBeginFactor, useConfirmFactor, useDropFactor, useFactor, useRenewRecoveryCodes } from "../api/factor.ts";
import { explain, isStepUp } from "../api/problem.ts";
import { formatDay } from "../format.ts";
import { Alert } from "../ui/alert.tsx";
import { useFocusFirst, useFocusPlace } from "../ui/focus.ts";
import { FormError, Submit, useForm, type Values } from "../ui/form.tsx";
import { CodeField, StepUp } from "../ui/step-up.tsx";
import { RecoveryCodes } from "./recovery-codes.tsx";
import { Loading } from "./states.tsx";

/** The second factor of a login: set up, turned off, and the codes for when it is lost. */
export function FactorSection({ user }: { user: User }) {
  const factor = useFactor();
  const [codes, setCodes] = useState<readonly string[]>();
  const [heading, toHeading] = useFocusPlace<HTMLHeadingElement>();
  return (
    <section className="card" aria-labelledby="factor">
      <h2 id="factor" ref={heading} tabIndex={-1}>Second factor</h2>
      {codes && <RecoveryCodes codes={codes} kept={() => { setCodes(undefined); toHeading(); }} />}
      {factor.isPending && <Loading />}
      {factor.error && <Alert kind="bad">{explain(factor.error)}</Alert>}
      {factor.data && !codes && (
        <>
          {factor.data.enabled ? <FactorOn since={factor.data.enabled_at} /> : <FactorOff passkey={user.has_passkey} show={setCodes} />}
          {user.second_factor && <CodesLeft left={factor.data.recovery_codes} show={setCodes} />}
        </>
      )}
    </section>
  );
}

function FactorOff({ passkey, show }: { passkey: boolean; show: (codes: readonly string[]) => void }) {
  const begin = useBeginFactor();
  if (begin.data) return <Confirm setup={begin.data} show={show} />;
  return (
    <>
      <p className="muted">
        {passkey
          ? "Logins with your password ask for a passkey. The code of an authenticator app can stand in for it."
          : "Logins ask for your password alone. With an authenticator app they ask for a code, too: a stolen password opens nothing then."}
      </p>
      {begin.error && !isStepUp(begin.error) && <Alert kind="bad">{explain(begin.error)}</Alert>}
      <StepUp failure={begin.error} again={() => { begin.mutate(); }} />
      {!isStepUp(begin.error) && <p><button type="button" className="button small quiet" disabled={begin.isPending} onClick={() => { begin.mutate(); }}>Set up an authenticator app</button></p>}
    </>
  );
}

type Setup = NonNullable<ReturnType<typeof useBeginFactor>["data"]>;

function Confirm({ setup, show }: { setup: Setup; show: (codes: readonly string[]) => void }) {
  const confirm = useConfirmFactor();
  const first = useFocusFirst<HTMLParagraphElement>();
  const { submit, errorOf } = useForm(({ code = "" }: Values) => ({ code: code ? undefined : "Enter the code." }), confirm.error);

  function send({ code = "" }: Values, onError: (error: Error) => void) {
    if (!confirm.isPending) confirm.mutate(code, { onSuccess: show, onError });
  }

  return (
    <form className="form narrow-form" noValidate onSubmit={(event) => { submit(event, send); }}>
      <p ref={first} tabIndex={-1}>Scan this with your authenticator app.</p>
      <svg className="qr" role="img" aria-label="QR code of the secret" viewBox={`0 0 ${setup.qr.size} ${setup.qr.size}`}><path d={setup.qr.path} /></svg>
      <p>Or type the secret: <code className="secret">{setup.secret}</code></p>
      <FormError failure={confirm.error} known={["code"]} />
      <CodeField recovery={false} error={errorOf("code")} />
      <Submit busy={confirm.isPending} busyText="Checking…">Turn it on</Submit>
    </form>
  );
}

function FactorOn({ since }: { since: string | undefined }) {
  const drop = useDropFactor();
  return (
    <>
      <p>Logins ask for a code{since && <> since <time dateTime={since}>{formatDay(since)}</time></>}.</p>
      {drop.error && !isStepUp(drop.error) && <Alert kind="bad">{explain(drop.error)}</Alert>}
      <StepUp failure={drop.error} again={() => { drop.mutate(); }} />
      <p><button type="button" className="button small quiet danger" disabled={drop.isPending} onClick={() => { drop.mutate(); }}>Turn it off</button></p>
    </>
  );
}

function CodesLeft({ left, show }: { left: number; show: (codes: readonly string[]) => void }) {
  const renew = useRenewRecoveryCodes();
  const makeCodes = () => { renew.mutate(undefined, { onSuccess: show }); };
  return (
    <>
      <p>You have {left} recovery {left === 1 ? "code" : "codes"} left.</p>
      {renew.error && !isStepUp(renew.error) && <Alert kind="bad">{explain(renew.error)}</Alert>}
      <StepUp failure={renew.error} again={makeCodes} />
      <p><button type="button" className="button small quiet" disabled={renew.isPending} onClick={makeCodes}>New recovery codes</button></p>
    </>
  );
}
