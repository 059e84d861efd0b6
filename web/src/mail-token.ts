import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";

/**
 * The token that a link from a mail carries behind its "#". It is taken out of
 * the address at once, so that it stays in no history and no bookmark.
 */
export function useMailToken(): string {
  const hash = useLocation({ select: (location) => location.hash });
  const navigate = useNavigate();
  const [token, setToken] = useState("");
  const found = new URLSearchParams(hash).get("token");
  if (found && found !== token) setToken(found);
  useEffect(() => {
    if (found) void navigate({ to: ".", hash: "", replace: true });
  }, [found, navigate]);
  return found ?? token;
}
