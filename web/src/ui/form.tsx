import { useId, useState, type InputHTMLAttributes, type ReactNode, type SubmitEvent } from "react";
import { explain, explainField, isStepUp, Problem } from "../api/problem.ts";
import { useWords } from "../words/provider.tsx";
import { Alert } from "./alert.tsx";

export type Values = Readonly<Record<string, string>>;
export type Errors = Readonly<Record<string, string | undefined>>;

type Send = (values: Values, onRefused: (error: Error) => void) => void;

/**
 * State of a form: what check finds wrong before sending and what the server
 * refused after, by field name. The first wrong field gets the focus.
 */
export function useForm(check: (values: Values) => Errors, failure: Error | null) {
  const words = useWords();
  const [found, setFound] = useState<Values>();
  const refused = failure instanceof Problem ? failure.fields : {};
  // What was wrong is checked anew, so that it is told in the language that the page is in by now.
  const wrong = found ? check(found) : {};

  function submit(event: SubmitEvent<HTMLFormElement>, send: Send) {
    event.preventDefault();
    const form = event.currentTarget;
    const values = read(form);
    const errors = Object.fromEntries(Object.entries(check(values)).filter(([, message]) => message));
    setFound(values);
    if (focusFirst(form, errors)) return;
    send(values, (error) => {
      if (error instanceof Problem) focusFirst(form, error.fields);
    });
  }

  return { submit, errorOf: (name: string) => wrong[name] ?? (refused[name] && explainField(words, refused[name])) };
}

function read(form: HTMLFormElement): Values {
  const entries = [...new FormData(form)].filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(entries);
}

/** Puts the focus on the first field, in the form's order, that has an error. */
function focusFirst(form: HTMLFormElement, errors: Errors): boolean {
  for (const field of form.elements) {
    if ((field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) && errors[field.name]) {
      field.focus();
      return true;
    }
  }
  return false;
}

type FieldProps = {
  name: string;
  label: string;
  hint?: ReactNode;
  error: string | undefined;
  /** Lines of a text area; one line of input without it. */
  rows?: number;
} & Pick<InputHTMLAttributes<HTMLInputElement>, "type" | "autoComplete" | "defaultValue" | "required" | "maxLength" | "inputMode" | "spellCheck" | "placeholder">;

/** A labelled field whose hint and error are tied to it. */
export function Field({ name, label, hint, error, rows, type = "text", ...rest }: FieldProps) {
  const id = useId();
  const words = useWords();
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ") || undefined;
  const shared = { id, name, "aria-describedby": described, "aria-invalid": error ? true : undefined };
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}
        {!rest.required && <span className="optional"> {words.form.optional}</span>}
      </label>
      {rows ? (
        <textarea {...shared} rows={rows} defaultValue={rest.defaultValue} maxLength={rest.maxLength} placeholder={rest.placeholder} />
      ) : (
        <input {...shared} {...rest} type={type} />
      )}
      {hint && <p className="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p className="error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

/** A password field whose content can be shown. */
export function PasswordField(props: Omit<FieldProps, "type" | "rows">) {
  const [shown, setShown] = useState(false);
  const words = useWords();
  return (
    <div className="password">
      <Field {...props} type={shown ? "text" : "password"} spellCheck={false} />
      <button type="button" className="reveal" aria-pressed={shown} onClick={() => { setShown(!shown); }}>
        {shown ? words.form.hide : words.form.show}<span className="hidden"> {words.form.within(props.label)}</span>
      </button>
    </div>
  );
}

/** What the whole form ran into; nothing while its fields tell it all. */
export function FormError({ failure, known }: { failure: Error | null; known: readonly string[] }) {
  const words = useWords();
  if (!failure || isStepUp(failure)) return null; // StepUp asks for what is missing
  if (failure instanceof Problem && failure.status === 400) {
    const fields = Object.keys(failure.fields);
    if (fields.length > 0 && fields.every((name) => known.includes(name))) return <Alert kind="bad">{words.problem.fields}</Alert>;
    const other = fields.find((name) => !known.includes(name));
    if (other !== undefined) return <Alert kind="bad">{explainField(words, failure.fields[other] ?? "not-valid")}</Alert>;
  }
  return <Alert kind="bad">{explain(words, failure)}</Alert>;
}

/** Sends the form. It stays focusable while it works, so that the focus is not lost. */
export function Submit({ busy, children, busyText, danger = false }: { busy: boolean; children: ReactNode; busyText: string; danger?: boolean }) {
  return (
    <button type="submit" className={danger ? "button danger" : "button"} aria-disabled={busy} onClick={(event) => { if (busy) event.preventDefault(); }}>
      {busy ? busyText : children}
    </button>
  );
}
