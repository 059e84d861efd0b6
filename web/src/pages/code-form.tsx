import { usePasskeyLogin } from "../api/passkey.ts";
import { useEnterCode } from "../api/session.ts";
import { useFocusFirst } from "../ui/focus.ts";
import { FormError, Submit, useForm, type Values } from "../ui/form.tsx";
import { PasskeyButton } from "../ui/passkey.tsx";
import { CodeField } from "../ui/step-up.tsx";
import { useWords } from "../words/provider.tsx";

/** Goes on with a login that waits for the code of a second factor. */
export function CodeForm({ done, back }: { done: () => void; back: () => void }) {
  const enter = useEnterCode();
  const words = useWords();
  const passkey = usePasskeyLogin("second");
  const first = useFocusFirst<HTMLParagraphElement>();
  const { submit, errorOf } = useForm(({ code = "" }: Values) => ({ code: code ? undefined : words.check.code }), enter.error);

  function send({ code = "" }: Values, onError: (error: Error) => void) {
    if (!enter.isPending) enter.mutate(code, { onSuccess: done, onError });
  }

  return (
    <form className="card form" noValidate aria-label={words.login.second} onSubmit={(event) => { submit(event, send); }}>
      <p ref={first} tabIndex={-1}>{words.login.oneMore}</p>
      <PasskeyButton use={{ ...passkey, mutate: () => { passkey.mutate(undefined, { onSuccess: done }); } }}>{words.passkey.use}</PasskeyButton>
      <FormError failure={enter.error} known={["code"]} />
      <CodeField error={errorOf("code")} />
      <div className="actions">
        <Submit busy={enter.isPending} busyText={words.login.busy}>{words.login.title}</Submit>
        <button type="button" className="button quiet" onClick={back}>{words.login.startAgain}</button>
      </div>
    </form>
  );
}
