import { useEffect, useRef, type ReactNode } from "react";

/** What the site is called, in every language. */
export const siteName = "Stack";

/** Names the page in the browser's tab, where index.html's title stands until then. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}

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
  useTitle(`${title} · ${siteName}`);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (focus) heading.current?.focus();
  }, [focus]);
  return (
    <article className={narrow ? "page narrow" : "page"}>
      <h1 ref={heading} tabIndex={-1}>{title}</h1>
      {lead && <p className="lead">{lead}</p>}
      {children}
    </article>
  );
}
