import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./api.ts";
import { answer, type ProfileUpdate, type User } from "./client.ts";
import { Problem } from "./problem.ts";

export type Credentials = { email: string; password: string };
export type Registration = Credentials & { display_name?: string };

/** Who is logged in; null for nobody. */
export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: async ({ signal }): Promise<User | null> => {
    try {
      return await answer(api.http.GET("/users/me", { signal }));
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 30_000,
});

export function useMe() {
  return useQuery(meQuery);
}

export function useSignUp() {
  return useMutation({ mutationFn: (body: Registration) => answer(api.http.POST("/auth/signup", { body })) });
}

export function useLogIn() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Credentials) => answer(api.http.POST("/auth/login", { body })),
    onSuccess: (user) => {
      api.forgetToken();
      queries.setQueryData(meQuery.queryKey, user);
    },
  });
}

/** Goes on with a login that waits for a code. */
export function useEnterCode() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (code: string) => answer(api.http.POST("/auth/login/code", { body: { code } })),
    onSuccess: (user) => {
      api.forgetToken();
      queries.setQueryData(meQuery.queryKey, user);
    },
  });
}

/** Ends the session. A session that is already gone counts as ended. */
export function useLogOut() {
  return useMutation({
    mutationFn: async () => {
      try {
        await answer(api.http.POST("/auth/logout"));
      } catch (error) {
        if (!(error instanceof Problem && error.status === 401)) throw error;
      }
      api.forgetToken();
    },
  });
}

export function useUpdateProfile() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: ProfileUpdate) => answer(api.http.PATCH("/users/me", { body })),
    onSuccess: (user) => {
      queries.setQueryData(meQuery.queryKey, user);
    },
  });
}
