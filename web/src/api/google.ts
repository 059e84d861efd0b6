import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./api.ts";
import { answer } from "./client.ts";
import { Problem } from "./problem.ts";

/** Through which providers the site lets people in. */
export const providersQuery = queryOptions({
  queryKey: ["providers"],
  queryFn: ({ signal }) => answer(api.http.GET("/auth/providers", { signal })),
  staleTime: Infinity,
});

const identitiesQuery = queryOptions({
  queryKey: ["identities"],
  queryFn: async ({ signal }) => (await answer(api.http.GET("/users/me/identities", { signal }))).identities,
});

/** Whether the site offers a login through Google; false until that is known. */
export function useGoogleOffered(): boolean {
  return useQuery(providersQuery).data?.google ?? false;
}

/** The address that a browser navigates to for a login through Google. */
export function googleStart(returnTo: string): string {
  return `/api/auth/google/start?return_to=${encodeURIComponent(returnTo)}`;
}

export function useIdentities() {
  return useQuery(identitiesQuery);
}

/** Begins to link a Google account: gives the address to go to. */
export function useLinkGoogle() {
  return useMutation({
    mutationFn: async () => {
      const { url } = await answer(api.http.POST("/users/me/identities/google"));
      if (!/^https?:$/.test(new URL(url).protocol)) throw new Problem(500);
      return url;
    },
  });
}

export function useUnlink() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => answer(api.http.DELETE("/users/me/identities/{id}", { params: { path: { id } } })),
    onSettled: () => queries.invalidateQueries(identitiesQuery),
  });
}
