import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./api.ts";
import { answer } from "./client.ts";
import { meQuery } from "./session.ts";

const factorQuery = queryOptions({
  queryKey: ["factor"],
  queryFn: ({ signal }) => answer(api.http.GET("/users/me/factor", { signal })),
});

export function useFactor() {
  return useQuery(factorQuery);
}

/** Proves anew who is logged in: with a code, or with the password of a user without a second factor. */
export function useProve() {
  return useMutation({ mutationFn: (body: { code?: string; password?: string }) => answer(api.http.POST("/users/me/proof", { body })) });
}

/** Begins to set a second factor up: gives the secret, which is shown this once. */
export function useBeginFactor() {
  return useMutation({ mutationFn: () => answer(api.http.POST("/users/me/factor")) });
}

function useFactorChanged() {
  const queries = useQueryClient();
  return () => Promise.all([queries.invalidateQueries(factorQuery), queries.invalidateQueries(meQuery), queries.invalidateQueries({ queryKey: ["sessions"] })]);
}

/** Turns the second factor on; the other sessions end and this one gets a new cookie. */
export function useConfirmFactor() {
  const changed = useFactorChanged();
  return useMutation({
    mutationFn: async (code: string) => (await answer(api.http.PUT("/users/me/factor", { body: { code } }))).codes,
    onSuccess: () => {
      api.forgetToken();
      void changed();
    },
  });
}

export function useDropFactor() {
  const changed = useFactorChanged();
  return useMutation({ mutationFn: () => answer(api.http.DELETE("/users/me/factor")), onSuccess: changed });
}

export function useRenewRecoveryCodes() {
  const changed = useFactorChanged();
  return useMutation({ mutationFn: async () => (await answer(api.http.POST("/users/me/factor/codes"))).codes, onSuccess: () => void changed() });
}
