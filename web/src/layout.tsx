import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useLogOut, useMe } from "./api/session.ts";
import { explain } from "./api/problem.ts";
import { useLeave } from "./leave.ts";
import { Logo } from "./ui/logo.tsx";
import { NoticeLine, useNotice } from "./ui/notice.tsx";
import { siteName } from "./ui/page.tsx";
import { useWords } from "./words/provider.tsx";
import { LanguageSwitch, useOwnLanguage } from "./words/switch.tsx";

/** Header, main part and footer around every page. */
export function Layout() {
  useFocusOnNavigation();
  useOwnLanguage();
  const words = useWords();
  return (
    <>
      <a className="skip" href="#main">{words.layout.skip}</a>
      <header className="bar">
        <div className="bar-inner">
          <Link to="/" className="brand"><Logo /> {siteName}</Link>
          <Navigation />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <NoticeLine />
        <Outlet />
      </main>
      <footer className="foot">
        <p>{words.layout.foot}</p>
        <LanguageSwitch />
      </footer>
    </>
  );
}

function Navigation() {
  const me = useMe();
  const words = useWords();
  if (me.isPending) return <nav aria-label={words.layout.site} className="nav" />;
  if (me.data) return <MemberNavigation />;
  return (
    <nav aria-label={words.layout.site} className="nav">
      <Link to="/login" className="link">{words.layout.logIn}</Link>
      <Link to="/signup" className="button small">{words.layout.signUp}</Link>
    </nav>
  );
}

function MemberNavigation() {
  const logOut = useLogOut();
  const goodbye = useLeave();
  const say = useNotice();
  const words = useWords();

  function leave() {
    logOut.mutate(undefined, {
      onSuccess: () => void goodbye((said) => said.layout.loggedOut),
      onError: (error) => { say({ kind: "bad", text: (said) => said.layout.stillIn(explain(said, error)) }); },
    });
  }

  return (
    <nav aria-label={words.layout.site} className="nav">
      <Link to="/account" className="link">{words.layout.account}</Link>
      <button type="button" className="button small quiet" disabled={logOut.isPending} onClick={leave}>{words.layout.logOut}</button>
    </nav>
  );
}

/** After a change of page the focus goes to its heading, so that screen readers tell where they are. */
function useFocusOnNavigation() {
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname });
  const before = useRef(path);
  useEffect(() => {
    const first = before.current === undefined;
    if (before.current === path) return;
    before.current = path;
    if (first) return;
    window.scrollTo(0, 0);
    document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
  }, [path]);
}
