import { useEffect, useRef, type ReactNode } from "react";

type PageProps = {
  /** In the tab, and as the heading. */
  title: string;
  lead?: ReactNode;
  narrow?: boolean;
  /** Takes the focus to the heading: for a page that takes the place of another without a change of address. */
  focus?: boolean;
  children?: ReactNode;
};

/** A page with its title, in the tab and as the heading that takes the focus. */
export function Page({ title, lead, narrow = false, focus = false, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (focus) heading.current?.focus();
  }, [focus]);
  return (
    <article className={narrow ? "page narrow" : "page"}>
      <title>{`${title} · Stack`}</title>
      <h1 ref={heading} tabIndex={-1}>{title}</h1>
      {lead && <p className="lead">{lead}</p>}
      {children}
    </article>
  );
}
