import { useState } from "react";
import type { Passkey } from "../api/client.ts";
import { passkeysWork, useAddPasskey, usePasskeys, useRemovePasskey, useRenamePasskey } from "../api/passkey.ts";
import { explain, isStepUp } from "../api/problem.ts";
import { describeAgent, formatDay, formatMinute } from "../format.ts";
import { Alert } from "../ui/alert.tsx";
import { useFocusFirst, useFocusPlace } from "../ui/focus.ts";
import { Field, FormError, Submit, useForm, type Values } from "../ui/form.tsx";
import { StepUp } from "../ui/step-up.tsx";
import type { More } from "../words/english-more.tsx";
import type { Words } from "../words/english.tsx";
import { useMore } from "../words/more.ts";
import { useSpeech, useWords } from "../words/provider.tsx";
import { RecoveryCodes } from "./recovery-codes.tsx";
import { Loading } from "./states.tsx";

type Outcome = keyof More["passkeys"]["done"];
type Done = (what?: Outcome) => void;

/** The user's passkeys: which there are, a name for each, and a new one. */
export function PasskeysSection() {
  const passkeys = usePasskeys();
  const [codes, setCodes] = useState<readonly string[]>();
  const [outcome, setOutcome] = useState<Outcome>();
  const words = useWords();
  const more = useMore();
  const [heading, toHeading] = useFocusPlace<HTMLHeadingElement>();
  const done = (what?: Outcome) => { setOutcome(what); toHeading(); };
  return (
    <section className="card" aria-labelledby="passkeys">
      <h2 id="passkeys" ref={heading} tabIndex={-1}>{more.passkeys.title}</h2>
      {codes && <RecoveryCodes codes={codes} kept={() => { setCodes(undefined); toHeading(); }} />}
      {passkeys.isPending && <Loading />}
      {passkeys.error && (
        <>
          <Alert kind="bad">{explain(words, passkeys.error)}</Alert>
          <p><button type="button" className="button small quiet" onClick={() => void passkeys.refetch()}>{words.form.tryAgain}</button></p>
        </>
      )}
      {passkeys.data && !codes && (
        <>
          <PasskeyList passkeys={passkeys.data} done={done} />
          <NewPasskey added={(made) => { if (made.length > 0) setCodes(made); else done("added"); }} />
        </>
      )}
      <p className="outcome good-text" role="status">{outcome && more.passkeys.done[outcome]}</p>
    </section>
  );
}

function PasskeyList({ passkeys, done }: { passkeys: readonly Passkey[]; done: Done }) {
  const remove = useRemovePasskey();
  const words = useWords();
  const more = useMore();
  const removed = { onSuccess: () => { done("removed"); } };
  if (passkeys.length === 0) {
    return <p className="muted">{more.passkeys.none}</p>;
  }
  return (
    <>
      <StepUp failure={remove.error} again={() => { if (remove.variables !== undefined) remove.mutate(remove.variables, removed); }} />
      {remove.error && !isStepUp(remove.error) && <Alert kind="bad">{explain(words, remove.error)}</Alert>}
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

type RowProps = { passkey: Passkey; busy: boolean; remove: () => void; done: Done };

function PasskeyRow({ passkey, busy, remove, done }: RowProps) {
  const [naming, setNaming] = useState(false);
  const { language } = useSpeech();
  const more = useMore();
  if (naming) return <Rename passkey={passkey} done={(what) => { setNaming(false); done(what); }} />;
  return (
    <>
      <div>
        <p><strong>{passkey.name}</strong>{passkey.synced && <span className="badge">{more.passkeys.synced}</span>}</p>
        <p className="muted">
          {more.passkeys.added(<time dateTime={passkey.created_at}>{formatDay(language, passkey.created_at)}</time>)}
          {passkey.used_at && <> · {more.passkeys.used(<time dateTime={passkey.used_at}>{formatMinute(language, passkey.used_at)}</time>)}</>}
        </p>
        {passkey.suspect && <p className="error">{more.passkeys.suspect}</p>}
      </div>
      <div className="actions">
        <button type="button" className="button small quiet" onClick={() => { setNaming(true); }}>{more.passkeys.rename}<span className="hidden"> {passkey.name}</span></button>
        <button type="button" className="button small quiet danger" disabled={busy} onClick={remove}>{more.passkeys.remove}<span className="hidden"> {passkey.name}</span></button>
      </div>
    </>
  );
}

const checkName = (words: Words) => ({ name = "" }: Values) => ({ name: name.trim() ? undefined : words.check.name });

function Rename({ passkey, done }: { passkey: Passkey; done: Done }) {
  const rename = useRenamePasskey();
  const words = useWords();
  const more = useMore();
  const first = useFocusFirst<HTMLParagraphElement>();
  const { submit, errorOf } = useForm(checkName(words), rename.error);

  function send({ name = "" }: Values, onError: (error: Error) => void) {
    if (!rename.isPending) rename.mutate({ id: passkey.id, name }, { onSuccess: () => { done("renamed"); }, onError });
  }

  return (
    <form className="form narrow-form" noValidate onSubmit={(event) => { submit(event, send); }}>
      <p ref={first} tabIndex={-1}>{more.passkeys.another(passkey.name)}</p>
      <FormError failure={rename.error} known={["name"]} />
      <Field name="name" label={more.passkeys.newName} defaultValue={passkey.name} maxLength={80} autoComplete="off" required error={errorOf("name")} />
      <div className="actions">
        <Submit busy={rename.isPending} busyText={words.form.saving}>{more.passkeys.save}</Submit>
        <button type="button" className="button quiet" onClick={() => { done(); }}>{more.passkeys.leave}</button>
      </div>
    </form>
  );
}

function NewPasskey({ added }: { added: (codes: readonly string[]) => void }) {
  const add = useAddPasskey();
  const words = useWords();
  const more = useMore();
  const { submit, errorOf } = useForm(checkName(words), add.error);
  if (!passkeysWork()) return <p className="muted">{more.passkeys.cannot}</p>;

  function send({ name = "" }: Values, onError: (error: Error) => void) {
    if (!add.isPending) add.mutate(name, { onSuccess: added, onError });
  }

  return (
    <>
      <StepUp failure={add.error} again={() => { if (add.variables !== undefined) add.mutate(add.variables, { onSuccess: added }); }} />
      <form className="form narrow-form" noValidate onSubmit={(event) => { submit(event, send); }}>
        <FormError failure={add.error} known={["name"]} />
        <Field name="name" label={more.passkeys.name} hint={more.passkeys.nameHint} defaultValue={describeAgent(words, navigator.userAgent)} maxLength={80} autoComplete="off" required error={errorOf("name")} />
        <Submit busy={add.isPending} busyText={words.passkey.waiting}>{more.passkeys.add}</Submit>
      </form>
    </>
  );
}
