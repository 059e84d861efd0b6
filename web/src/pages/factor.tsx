import { useState } from "react";
import type { User } from "../api/client.ts";
import { useBeginFactor, useConfirmFactor, useDropFactor, useFactor, useRenewRecoveryCodes } from "../api/factor.ts";
import { explain, isStepUp } from "../api/problem.ts";
import { formatDay } from "../format.ts";
import { Alert } from "../ui/alert.tsx";
import { useFocusFirst, useFocusPlace } from "../ui/focus.ts";
import { FormError, Submit, useForm, type Values } from "../ui/form.tsx";
import { CodeField, StepUp } from "../ui/step-up.tsx";
import { useMore } from "../words/more.ts";
import { useSpeech, useWords } from "../words/provider.tsx";
import { RecoveryCodes } from "./recovery-codes.tsx";
import { Loading } from "./states.tsx";

/** The second factor of a login: set up, turned off, and the codes for when it is lost. */
export function FactorSection({ user }: { user: User }) {
  const factor = useFactor();
  const words = useWords();
  const more = useMore();
  const [codes, setCodes] = useState<readonly string[]>();
  const [heading, toHeading] = useFocusPlace<HTMLHeadingElement>();
  return (
    <section className="card" aria-labelledby="factor">
      <h2 id="factor" ref={heading} tabIndex={-1}>{more.factor.title}</h2>
      {codes && <RecoveryCodes codes={codes} kept={() => { setCodes(undefined); toHeading(); }} />}
      {factor.isPending && <Loading />}
      {factor.error && <Alert kind="bad">{explain(words, factor.error)}</Alert>}
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
  const words = useWords();
  const more = useMore();
  if (begin.data) return <Confirm setup={begin.data} show={show} />;
  return (
    <>
      <p className="muted">
        {passkey
          ? more.factor.offPasskey
          : more.factor.off}
      </p>
      {begin.error && !isStepUp(begin.error) && <Alert kind="bad">{explain(words, begin.error)}</Alert>}
      <StepUp failure={begin.error} again={() => { begin.mutate(); }} />
      {!isStepUp(begin.error) && <p><button type="button" className="button small quiet" disabled={begin.isPending} onClick={() => { begin.mutate(); }}>{more.factor.setUp}</button></p>}
    </>
  );
}

type Setup = NonNullable<ReturnType<typeof useBeginFactor>["data"]>;

function Confirm({ setup, show }: { setup: Setup; show: (codes: readonly string[]) => void }) {
  const confirm = useConfirmFactor();
  const words = useWords();
  const more = useMore();
  const first = useFocusFirst<HTMLParagraphElement>();
  const { submit, errorOf } = useForm(({ code = "" }: Values) => ({ code: code ? undefined : words.check.code }), confirm.error);

  function send({ code = "" }: Values, onError: (error: Error) => void) {
    if (!confirm.isPending) confirm.mutate(code, { onSuccess: show, onError });
  }

  return (
    <form className="form narrow-form" noValidate onSubmit={(event) => { submit(event, send); }}>
      <p ref={first} tabIndex={-1}>{more.factor.scan}</p>
      <svg className="qr" role="img" aria-label={more.factor.qr} viewBox={`0 0 ${setup.qr.size} ${setup.qr.size}`}><path d={setup.qr.path} /></svg>
      <p>{more.factor.secret(<code className="secret">{setup.secret}</code>)}</p>
      <FormError failure={confirm.error} known={["code"]} />
      <CodeField recovery={false} error={errorOf("code")} />
      <Submit busy={confirm.isPending} busyText={words.form.checking}>{more.factor.turnOn}</Submit>
    </form>
  );
}

function FactorOn({ since }: { since: string | undefined }) {
  const drop = useDropFactor();
  const { language, words } = useSpeech();
  const more = useMore();
  return (
    <>
      <p>{since ? more.factor.onSince(<time dateTime={since}>{formatDay(language, since)}</time>) : more.factor.on}</p>
      {drop.error && !isStepUp(drop.error) && <Alert kind="bad">{explain(words, drop.error)}</Alert>}
      <StepUp failure={drop.error} again={() => { drop.mutate(); }} />
      <p><button type="button" className="button small quiet danger" disabled={drop.isPending} onClick={() => { drop.mutate(); }}>{more.factor.turnOff}</button></p>
    </>
  );
}

function CodesLeft({ left, show }: { left: number; show: (codes: readonly string[]) => void }) {
  const renew = useRenewRecoveryCodes();
  const words = useWords();
  const more = useMore();
  const makeCodes = () => { renew.mutate(undefined, { onSuccess: show }); };
  return (
    <>
      <p>{more.factor.left(left)}</p>
      {renew.error && !isStepUp(renew.error) && <Alert kind="bad">{explain(words, renew.error)}</Alert>}
      <StepUp failure={renew.error} again={makeCodes} />
      <p><button type="button" className="button small quiet" disabled={renew.isPending} onClick={makeCodes}>{more.factor.renew}</button></p>
    </>
  );
}
