import { useId, useState, type InputHTMLAttributes, type ReactNode, type SubmitEvent } from "react";
import { explain, isStepUp, Problem } from "../api/problem.ts";
import { Alert } from "./alert.tsx";

export type Values = Readonly<Record<string, string>>;
export type Errors = Readonly<Record<string, string | undefined>>;

type Send = (values: Values, onRefused: (error: Error) => void) => void;

/**
 * State of a form: what check finds wrong before sending and what the server
 * refused after, by field name. The first wrong field gets the focus.
 */
export function useForm(check: (values: Values) => Errors, failure: Error | null) {
  const [found, setFound] = useState<Errors>({});
  const refused: Errors = failure instanceof Problem ? failure.fields : {};

  function submit(event: SubmitEvent<HTMLFormElement>, send: Send) {
    event.preventDefault();
    const form = event.currentTarget;
    const values = read(form);
    const errors = Object.fromEntries(Object.entries(check(values)).filter(([, message]) => message));
    setFound(errors);
    if (focusFirst(form, errors)) return;
    send(values, (error) => {
      if (error instanceof Problem) focusFirst(form, error.fields);
    });
  }

  return { submit, errorOf: (name: string) => found[name] ?? refused[name] };
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

/** The API says what is wrong with a member as the end of a sentence that begins with its name: "must be shorter". */
export function sentence(subject: string, message: string): string {
  if (!/^[a-z]/.test(message)) return message;
  return `${subject} ${message}${/[.!?]$/.test(message) ? "" : "."}`;
}

/** A labelled field whose hint and error are tied to it. */
export function Field({ name, label, hint, error: told, rows, type = "text", ...rest }: FieldProps) {
  const id = useId();
  const error = told && sentence(label, told);
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ") || undefined;
  const shared = { id, name, "aria-describedby": described, "aria-invalid": error ? true : undefined };
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}
        {!rest.required && <span className="optional"> (optional)</span>}
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
  return (
    <div className="password">
      <Field {...props} type={shown ? "text" : "password"} spellCheck={false} />
      <button type="button" className="reveal" aria-pressed={shown} onClick={() => { setShown(!shown); }}>
        {shown ? "Hide" : "Show"}<span className="hidden"> {props.label.toLowerCase()}</span>
      </button>
    </div>
  );
}

/** What the whole form ran into; nothing while its fields tell it all. */
export function FormError({ failure, known }: { failure: Error | null; known: readonly string[] }) {
  if (!failure || isStepUp(failure)) return null; // StepUp asks for what is missing
  if (failure instanceof Problem && failure.status === 400) {
    const fields = Object.keys(failure.fields);
    if (fields.length > 0 && fields.every((name) => known.includes(name))) return <Alert kind="bad">Look at the fields marked below.</Alert>;
    const other = fields.find((name) => !known.includes(name));
    if (other !== undefined) return <Alert kind="bad">{sentence(other === "token" ? "This link" : "The request", failure.fields[other] ?? "")}</Alert>;
  }
  return <Alert kind="bad">{explain(failure)}</Alert>;
}

/** Sends the form. It stays focusable while it works, so that the focus is not lost. */
export function Submit({ busy, children, busyText, danger = false }: { busy: boolean; children: ReactNode; busyText: string; danger?: boolean }) {
  return (
    <button type="submit" className={danger ? "button danger" : "button"} aria-disabled={busy} onClick={(event) => { if (busy) event.preventDefault(); }}>
      {busy ? busyText : children}
    </button>
  );
}
