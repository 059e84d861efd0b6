import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { meQuery } from "./api/session.ts";
import { useNotice, type Notice } from "./ui/notice.tsx";

/** Goes to the home page with a word of goodbye and forgets all that was known of the user. */
export function useLeave(): (text: Notice["text"]) => Promise<void> {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const say = useNotice();
  return async (text) => {
    await navigate({ to: "/" });
    queries.setQueryData(meQuery.queryKey, null);
    queries.removeQueries({ predicate: (query) => query.queryKey[0] !== meQuery.queryKey[0] });
    say({ kind: "good", text });
  };
}
