import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, redirect, type RouterHistory } from "@tanstack/react-router";
import { providersQuery } from "./api/google.ts";
import { meQuery } from "./api/session.ts";
import { Layout } from "./layout.tsx";
import { Broken, LoadingPage, NotFound } from "./pages/states.tsx";
import { HomePage } from "./pages/home.tsx";
import { Member } from "./pages/member.tsx";
import { LoginPage } from "./pages/login.tsx";
import { SignUpPage } from "./pages/signup.tsx";
import { returnPath } from "./return-path.ts";

type Context = { queries: QueryClient };
type Entry = { next?: string; error?: string; code?: string };
type Outcome = { linked?: string; error?: string };

/** Keeps the named parameters of an address that are text. */
function texts<T extends string>(...names: readonly T[]) {
  return (search: Record<string, unknown>): Partial<Record<T, string>> =>
    Object.fromEntries(names.flatMap((name) => (typeof search[name] === "string" ? [[name, search[name]]] : []))) as Partial<Record<T, string>>;
}

const entryTexts = texts("next", "error");
/** The code comes as a number: a router reads parameters as JSON. */
function entrySearch(search: Record<string, unknown>): Entry {
  return { ...entryTexts(search), ...(search.code === undefined ? {} : { code: "1" }) };
}
const outcomeSearch: (search: Record<string, unknown>) => Outcome = texts("linked", "error");

const rootRoute = createRootRouteWithContext<Context>()({ component: Layout });

const homeRoute = createRoute({ getParentRoute: () => rootRoute, path: "/", component: HomePage });

/** Pages for people who are not logged in; the others are sent on. */
const guestRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "guest",
  validateSearch: entrySearch,
  beforeLoad: async ({ context, search }) => {
    // The providers come along, so that no button moves the form under the reader's hand.
    const providers = context.queries.query(providersQuery).catch(() => null);
    const me = await context.queries.query(meQuery).catch(() => null);
    if (me) throw redirect({ to: returnPath(search.next), replace: true });
    await providers;
  },
});

const loginRoute = createRoute({ getParentRoute: () => guestRoute, path: "/login", component: LoginPage });
const signUpRoute = createRoute({ getParentRoute: () => guestRoute, path: "/signup", component: SignUpPage });

const forgotRoute = createRoute({ getParentRoute: () => rootRoute, path: "/forgot", component: lazyRouteComponent(() => import("./pages/forgot.tsx"), "ForgotPage") });
const resetRoute = createRoute({ getParentRoute: () => rootRoute, path: "/reset", component: lazyRouteComponent(() => import("./pages/reset.tsx"), "ResetPage") });
const verifyRoute = createRoute({ getParentRoute: () => rootRoute, path: "/verify", component: lazyRouteComponent(() => import("./pages/verify.tsx"), "VerifyPage") });

/** Pages that need a login; without one the login page comes first and leads back. */
const memberRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "member",
  component: Member,
  beforeLoad: async ({ context, location }) => {
    const me = await context.queries.query(meQuery);
    if (!me) throw redirect({ to: "/login", search: { next: location.href }, replace: true });
  },
});

/** The API leads here after a Google account was linked or not; the page that shows it is the next one. */
const accountRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: "/account",
  validateSearch: outcomeSearch,
  beforeLoad: ({ search }) => {
    if (search.linked !== undefined || search.error !== undefined) throw redirect({ to: "/account/security", search, replace: true });
  },
  component: lazyRouteComponent(() => import("./pages/account.tsx"), "AccountPage"),
});

const securityRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: "/account/security",
  validateSearch: outcomeSearch,
  component: lazyRouteComponent(() => import("./pages/security.tsx"), "SecurityPage"),
});

const routeTree = rootRoute.addChildren([
  homeRoute,
  guestRoute.addChildren([loginRoute, signUpRoute]),
  forgotRoute,
  resetRoute,
  verifyRoute,
  memberRoute.addChildren([accountRoute, securityRoute]),
]);

/** The routes of the site; a history is given in tests alone. */
export function createSiteRouter(queries: QueryClient, history?: RouterHistory) {
  return createRouter({
    routeTree,
    context: { queries },
    defaultPendingComponent: LoadingPage,
    defaultErrorComponent: Broken,
    defaultNotFoundComponent: NotFound,
    defaultPendingMs: 250,
    defaultPendingMinMs: 200,
    ...(history ? { history } : {}),
  });
}

export type SiteRouter = ReturnType<typeof createSiteRouter>;

declare module "@tanstack/react-router" {
  interface Register {
    router: SiteRouter;
  }
}
