import type { ReactNode } from "react";

/** A message that screen readers read out: errors at once, the rest when they get to it. */
export function Alert({ kind, children }: { kind: "good" | "bad"; children: ReactNode }) {
  return (
    <p className={`alert ${kind}`} role={kind === "bad" ? "alert" : "status"}>
      {children}
    </p>
  );
}
