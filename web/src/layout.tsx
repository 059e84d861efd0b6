import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useLogOut, useMe } from "./api/session.ts";
import { explain } from "./api/problem.ts";
import { useLeave } from "./leave.ts";
import { Logo } from "./ui/logo.tsx";
import { NoticeLine, useNotice } from "./ui/notice.tsx";

/** Header, main part and footer around every page. */
export function Layout() {
  useFocusOnNavigation();
  return (
    <>
      <a className="skip" href="#main">Skip to content</a>
      <header className="bar">
        <div className="bar-inner">
          <Link to="/" className="brand"><Logo /> Stack</Link>
          <Navigation />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <NoticeLine />
        <Outlet />
      </main>
      <footer className="foot">
        <p>No trackers, no third-party scripts. Cookies are used for your login alone.</p>
      </footer>
    </>
  );
}

function Navigation() {
  const me = useMe();
  if (me.isPending) return <nav aria-label="Site" className="nav" />;
  if (me.data) return <MemberNavigation />;
  return (
    <nav aria-label="Site" className="nav">
      <Link to="/login" className="link">Log in</Link>
      <Link to="/signup" className="button small">Sign up</Link>
    </nav>
  );
}

function MemberNavigation() {
  const logOut = useLogOut();
  const goodbye = useLeave();
  const say = useNotice();

  function leave() {
    logOut.mutate(undefined, {
      onSuccess: () => void goodbye("You are logged out."),
      onError: (error) => { say({ kind: "bad", text: `You are still logged in. ${explain(error)}` }); },
    });
  }

  return (
    <nav aria-label="Site" className="nav">
      <Link to="/account" className="link">Account</Link>
      <button type="button" className="button small quiet" disabled={logOut.isPending} onClick={leave}>Log out</button>
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
