import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";

declare module "@tanstack/react-router" {
  interface HistoryState {
    /** The token of a mail whose page is open. */
    mailToken?: string;
  }
}

/**
 * The token that a link from a mail carries behind its "#". It is taken out of
 * the address at once, so that it stands in no bookmark and on no screen, and
 * kept with this entry of the history, so that the page can be loaded again.
 */
export function useMailToken(): string {
  const hash = useLocation({ select: (location) => location.hash });
  const kept = useLocation({ select: (location) => location.state.mailToken });
  const navigate = useNavigate();
  const found = new URLSearchParams(hash).get("token");
  useEffect(() => {
    if (found) void navigate({ to: ".", hash: "", replace: true, state: { mailToken: found } });
  }, [found, navigate]);
  return found ?? kept ?? "";
}
