import { Outlet, useRouter } from "@tanstack/react-router";
import { useEffect } from "react";
import { useMe } from "../api/session.ts";
import { LoadingPage } from "./states.tsx";

/** Around the pages that need a login: when the session ends while one is open, its route is asked again and leads to the login. */
export function Member() {
  const router = useRouter();
  const gone = useMe().data === null;
  useEffect(() => {
    if (gone) void router.invalidate();
  }, [gone, router]);
  return gone ? <LoadingPage /> : <Outlet />;
}
