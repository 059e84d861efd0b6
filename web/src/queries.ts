import { MutationCache, QueryClient } from "@tanstack/react-query";
import { Problem } from "./api/problem.ts";
import { meQuery } from "./api/session.ts";

const attempts = 2;

/** A cache of answers. Reads are repeated when the site is away for a moment, writes never. */
export function createQueries(): QueryClient {
  const queries: QueryClient = new QueryClient({
    defaultOptions: {
      queries: {
        retry: (failures, error) => failures < attempts && error instanceof Problem && (error.status === 0 || error.status >= 500),
        retryDelay: (failures) => 400 * 2 ** failures,
      },
      mutations: { retry: false },
    },
    mutationCache: new MutationCache({
      // The session ended while the page was open: ask anew who is logged in.
      onError: (error) => {
        const loggedIn = queries.getQueryData(meQuery.queryKey);
        if (loggedIn && error instanceof Problem && error.status === 401) void queries.invalidateQueries(meQuery);
      },
    }),
  });
  return queries;
}
