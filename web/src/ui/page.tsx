import type { ReactNode } from "react";

/** A page with its title, in the tab and as the heading that takes the focus. */
export function Page({ title, lead, narrow = false, children }: { title: string; lead?: ReactNode; narrow?: boolean; children?: ReactNode }) {
  return (
    <article className={narrow ? "page narrow" : "page"}>
      <title>{`${title} · Stack`}</title>
      <h1 tabIndex={-1}>{title}</h1>
      {lead && <p className="lead">{lead}</p>}
      {children}
    </article>
  );
}
