import { useState } from "react";
import type { Passkey } from "../api/client.ts";
import { passkeysWork, useAddPasskey, usePasskeys, useRemovePasskey, useRenamePasskey } from "../api/passkey.ts";
import { explain, isStepUp } from "../api/problem.ts";
import { describeAgent, formatDay, formatMinute } from "../format.ts";
import { Alert } from "../ui/alert.tsx";
import { useFocusFirst, useFocusPlace } from "../ui/focus.ts";
import { Field, FormError, Submit, useForm, type Values } from "../ui/form.tsx";
import { StepUp } from "../ui/step-up.tsx";
import { RecoveryCodes } from "./recovery-codes.tsx";
import { Loading } from "./states.tsx";

/** The user's passkeys: which there are, a name for each, and a new one. */
export function PasskeysSection() {
  const passkeys = usePasskeys();
  const [codes, setCodes] = useState<readonly string[]>();
  const [outcome, setOutcome] = useState("");
  const [heading, toHeading] = useFocusPlace<HTMLHeadingElement>();
  const done = (what: string) => { setOutcome(what); toHeading(); };
  return (
    <section className="card" aria-labelledby="passkeys">
      <h2 id="passkeys" ref={heading} tabIndex={-1}>Passkeys</h2>
      {codes && <RecoveryCodes codes={codes} kept={() => { setCodes(undefined); toHeading(); }} />}
      {passkeys.isPending && <Loading />}
      {passkeys.error && (
        <>
          <Alert kind="bad">{explain(passkeys.error)}</Alert>
          <p><button type="button" className="button small quiet" onClick={() => void passkeys.refetch()}>Try again</button></p>
        </>
      )}
      {passkeys.data && !codes && (
        <>
          <PasskeyList passkeys={passkeys.data} done={done} />
          <NewPasskey added={(made) => { if (made.length > 0) setCodes(made); else done("Your passkey is added."); }} />
        </>
      )}
      <p className="outcome good-text" role="status">{outcome}</p>
    </section>
  );
}

function PasskeyList({ passkeys, done }: { passkeys: readonly Passkey[]; done: (what: string) => void }) {
  const remove = useRemovePasskey();
  const removed = { onSuccess: () => { done("Removed."); } };
  if (passkeys.length === 0) {
    return <p className="muted">With a passkey you log in by your finger, your face or the PIN of your device, without a password. Logins with the password ask for it, too.</p>;
  }
  return (
    <>
      <StepUp failure={remove.error} again={() => { if (remove.variables !== undefined) remove.mutate(remove.variables, removed); }} />
      {remove.error && !isStepUp(remove.error) && <Alert kind="bad">{explain(remove.error)}</Alert>}
      <ul className="rows">
        {passkeys.map((passkey) => (
          <li key={passkey.id} className="row">
            <PasskeyRow passkey={passkey} busy={remove.isPending} remove={() => { remove.mutate(passkey.id, removed); }} done={done} />
          </li>
        ))}
      </ul>
    </>
  );
}

type RowProps = { passkey: Passkey; busy: boolean; remove: () => void; done: (what: string) => void };

function PasskeyRow({ passkey, busy, remove, done }: RowProps) {
  const [naming, setNaming] = useState(false);
  if (naming) return <Rename passkey={passkey} done={(what) => { setNaming(false); done(what); }} />;
  return (
    <>
      <div>
        <p><strong>{passkey.name}</strong>{passkey.synced && <span className="badge">Synced</span>}</p>
        <p className="muted">
          Added on <time dateTime={passkey.created_at}>{formatDay(passkey.created_at)}</time>
          {passkey.used_at && <> · last used <time dateTime={passkey.used_at}>{formatMinute(passkey.used_at)}</time></>}
        </p>
        {passkey.suspect && <p className="error">It may have been copied, and opens nothing any more. Remove it and add a new one.</p>}
      </div>
      <div className="actions">
        <button type="button" className="button small quiet" onClick={() => { setNaming(true); }}>Rename<span className="hidden"> {passkey.name}</span></button>
        <button type="button" className="button small quiet danger" disabled={busy} onClick={remove}>Remove<span className="hidden"> {passkey.name}</span></button>
      </div>
    </>
  );
}

const checkName = ({ name = "" }: Values) => ({ name: name.trim() ? undefined : "Enter a name by which you know it again." });

function Rename({ passkey, done }: { passkey: Passkey; done: (what: string) => void }) {
  const rename = useRenamePasskey();
  const first = useFocusFirst<HTMLParagraphElement>();
  const { submit, errorOf } = useForm(checkName, rename.error);

  function send({ name = "" }: Values, onError: (error: Error) => void) {
    if (!rename.isPending) rename.mutate({ id: passkey.id, name }, { onSuccess: () => { done("Renamed."); }, onError });
  }

  return (
    <form className="form narrow-form" noValidate onSubmit={(event) => { submit(event, send); }}>
      <p ref={first} tabIndex={-1}>Another name for {passkey.name}</p>
      <FormError failure={rename.error} known={["name"]} />
      <Field name="name" label="New name" defaultValue={passkey.name} maxLength={80} autoComplete="off" required error={errorOf("name")} />
      <div className="actions">
        <Submit busy={rename.isPending} busyText="Saving…">Save the name</Submit>
        <button type="button" className="button quiet" onClick={() => { done(""); }}>Leave it</button>
      </div>
    </form>
  );
}

function NewPasskey({ added }: { added: (codes: readonly string[]) => void }) {
  const add = useAddPasskey();
  const { submit, errorOf } = useForm(checkName, add.error);
  if (!passkeysWork()) return <p className="muted">This browser cannot make passkeys.</p>;

  function send({ name = "" }: Values, onError: (error: Error) => void) {
    if (!add.isPending) add.mutate(name, { onSuccess: added, onError });
  }

  return (
    <>
      <StepUp failure={add.error} again={() => { if (add.variables !== undefined) add.mutate(add.variables, { onSuccess: added }); }} />
      <form className="form narrow-form" noValidate onSubmit={(event) => { submit(event, send); }}>
        <FormError failure={add.error} known={["name"]} />
        <Field name="name" label="Name of the passkey" hint="So that you know it again in this list." defaultValue={describeAgent(navigator.userAgent)} maxLength={80} autoComplete="off" required error={errorOf("name")} />
        <Submit busy={add.isPending} busyText="Waiting for your device…">Add a passkey</Submit>
      </form>
    </>
  );
}
